"""SAM 2 in small and untrained, in a folder as transformers writes it: what it sees is chance."""

import torch

SIDE, MEMORIES, POINTERS = 64, 3, 5


def write(folder, seed=0):
    """A folder with a model that takes every object to be there."""
    from rovr.masking.sam2 import library

    transformers = library()
    torch.manual_seed(seed)
    # The library's memories have 64 channels whatever is asked for, and everything else must have more.
    wide = 128
    grids = [[SIDE // by] * 2 for by in (4, 8, 16)]
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 8,
        "image_size": [SIDE, SIDE],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 2, 2],
        "window_size_per_stage": [4, 2, 4, 2],
        "window_positional_embedding_background_size": [2, 2],
        "global_attention_blocks": [3],
    }
    vision = {
        "model_type": "sam2_vision_model",
        "backbone_config": backbone,
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": grids,
        "fpn_hidden_size": wide,
    }
    config = transformers.Sam2VideoConfig(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": wide, "image_size": SIDE, "mask_input_channels": 4},
        mask_decoder_config={"hidden_size": wide, "mlp_dim": 16, "num_attention_heads": 2, "iou_head_hidden_dim": 16},
        image_size=SIDE,
        num_maskmem=MEMORIES,
        max_object_pointers_in_encoder=POINTERS,
        memory_attention_hidden_size=wide,
        memory_attention_num_layers=1,
        memory_attention_feed_forward_hidden_size=16,
        memory_attention_rope_feat_sizes=grids[-1],
        memory_encoder_hidden_size=wide,
        mask_downsampler_embed_dim=wide,
        memory_fuser_embed_dim=wide,
        memory_fuser_intermediate_dim=16,
    )
    model = transformers.Sam2VideoModel(config)
    believe(model, True)
    model.save_pretrained(folder)
    size, small = ({"height": side, "width": side} for side in (SIDE, SIDE // 4))
    pictures = transformers.Sam2ImageProcessor(size=size, mask_size=small)
    videos = transformers.Sam2VideoVideoProcessor(size=size)
    transformers.Sam2VideoProcessor(pictures, videos, target_size=SIDE).save_pretrained(folder)
    return folder


def believe(model, there):
    """Have a model take the object to be in sight, or out of it, from now on."""
    with torch.no_grad():
        model.mask_decoder.pred_obj_score_head.proj_out.bias.fill_(9.0 if there else -9.0)
