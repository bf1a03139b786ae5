"""Train somebody else's learner on the decision process: sb3-contrib's MaskablePPO, unchanged.

    pip install "rovr[gym]" sb3-contrib
    python examples/gymnasium_maskable_ppo.py [FOLDER_OF_VIDEOS …]

Without folders, the clip that comes with the package is filmed anew for every episode.
"""

import sys

import gymnasium
from sb3_contrib import MaskablePPO

import rovr.mdp.gymnasium  # registers the environment

STEPS = 600


def main() -> None:
    """Train for a few minutes, then repair one clip with what was learned."""
    env = gymnasium.make(rovr.mdp.gymnasium.ID, data=sys.argv[1:] or None, length=6, size=64)
    learner = MaskablePPO("MultiInputPolicy", env, n_steps=120, batch_size=60, seed=0, verbose=1)
    learner.learn(STEPS)

    observation, info = env.reset(seed=1)
    total, ended = 0.0, False
    while not ended:
        action, _ = learner.predict(observation, action_masks=info["action_mask"], deterministic=True)
        observation, reward, ended, _, info = env.step(action)
        total += float(reward)
    print(f"mean squared error that the repair took away, summed over the frames: {total:.3f}")


if __name__ == "__main__":
    main()
