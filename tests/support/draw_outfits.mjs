// Draws outfits with the page's renderer: node draw_outfits.mjs RENDERER.bin OUTFITS.json SPRITES.bin

import { readFileSync, writeFileSync } from "node:fs";
import { createRenderer, renderOutfit } from "../../punkdata/analysis/gallery/page/make/renderer.js";

const [rendererFile, outfitsFile, spritesFile] = process.argv.slice(2);
const { names, outfits } = JSON.parse(readFileSync(outfitsFile, "utf8"));
const renderer = createRenderer(new Uint8Array(readFileSync(rendererFile)), names);
writeFileSync(spritesFile, Buffer.concat(outfits.map((outfit) => renderOutfit(renderer, outfit))));
