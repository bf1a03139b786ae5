// Two pictures of the same place: with a divider, side by side, or swapped. Draws only; whoever calls it has the controls.

// ``place`` is {x, y, scale}: where the picture's corner is and how large it is drawn; ``area`` is {width, height}.
export const drawPair = (pen, area, place, size, pair, mode, cut) => {
  const { width, height } = area;
  const put = (picture, x, y, scale) => {
    if (!picture) return;
    pen.imageSmoothingQuality = "high";
    // Single pixels are to be seen once they are large.
    pen.imageSmoothingEnabled = scale * size.width / picture.width < 3;
    pen.drawImage(picture, x, y, size.width * scale, size.height * scale);
  };
  if (mode === "side") {
    const half = width / 2;
    [pair[0], pair[1]].forEach((picture, k) => {
      pen.save();
      pen.beginPath();
      pen.rect(k * half + k, 0, half - 1, height);
      pen.clip();
      const { x, y, scale } = sidePlace(area, place, size);
      put(picture, x + k * half, y, scale);
      pen.restore();
    });
    return;
  }
  if (mode === "slider") {
    put(pair[0], place.x, place.y, place.scale);
    const at = place.x + cut * size.width * place.scale;
    pen.save();
    pen.beginPath();
    pen.rect(at, 0, width - at, height);
    pen.clip();
    put(pair[1], place.x, place.y, place.scale);
    pen.restore();
    return;
  }
  put(pair[mode === "b" ? 1 : 0], place.x, place.y, place.scale);
};

// In halves, the picture keeps its middle and its magnification relative to what fits.
export const sidePlace = (area, place, size) => {
  const whole = Math.min(area.width / size.width, area.height / size.height);
  const half = Math.min(area.width / 2 / size.width, area.height / size.height);
  const scale = place.scale / whole * half;
  const u = (area.width / 2 - place.x) / (size.width * place.scale), v = (area.height / 2 - place.y) / (size.height * place.scale);
  return { x: area.width / 4 - u * size.width * scale, y: area.height / 2 - v * size.height * scale, scale };
};

// The divider: a line and something to take hold of.
export const drawDivider = (pen, area, x) => {
  pen.fillStyle = "rgb(0 0 0 / .45)";
  pen.fillRect(x - 2, 0, 4, area.height);
  pen.fillStyle = "#fff";
  pen.fillRect(x - 1, 0, 2, area.height);
  const y = area.height / 2;
  pen.beginPath();
  pen.arc(x, y, 15, 0, 7);
  pen.shadowColor = "rgb(0 0 0 / .4)";
  pen.shadowBlur = 6;
  pen.fill();
  pen.shadowBlur = 0;
  pen.strokeStyle = "#1b1f24";
  pen.lineWidth = 2;
  pen.beginPath();
  pen.moveTo(x - 4, y - 5); pen.lineTo(x - 9, y); pen.lineTo(x - 4, y + 5);
  pen.moveTo(x + 4, y - 5); pen.lineTo(x + 9, y); pen.lineTo(x + 4, y + 5);
  pen.stroke();
};

// A mask in a colour: filled, or only its border.
const scratch = typeof document === "undefined" ? null : document.createElement("canvas");
export const tinted = (mask, colour, border = 0) => {
  scratch.width = mask.width;
  scratch.height = mask.height;
  const pen = scratch.getContext("2d");
  if (border) {
    for (let k = 0; k < 8; k++) {
      pen.drawImage(mask, Math.round(border * Math.cos(k * Math.PI / 4)), Math.round(border * Math.sin(k * Math.PI / 4)));
    }
    pen.globalCompositeOperation = "destination-out";
    pen.drawImage(mask, 0, 0);
  } else {
    pen.drawImage(mask, 0, 0);
  }
  pen.globalCompositeOperation = "source-in";
  pen.fillStyle = colour;
  pen.fillRect(0, 0, scratch.width, scratch.height);
  pen.globalCompositeOperation = "source-over";
  return scratch;
};
