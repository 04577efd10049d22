// The collection as gallery.py packed it: columns by row, sprites as palette indices.

const SIDE = 24;
const PIXELS = SIDE * SIDE;
const WORDS = 3; // 32 labels in each

async function unpacked(id) {
  const packed = atob(document.getElementById(id).textContent);
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(plain).arrayBuffer());
}

async function openCollection() {
  const [text, pixels] = await Promise.all([unpacked("facts"), unpacked("sprites")]);
  const facts = JSON.parse(new TextDecoder().decode(text));
  const count = facts.id.length;
  const labels = facts.accessories.map((ids, row) => [
    facts.type[row],
    ...ids.map((id) => facts.types.length + id),
  ]);
  const bits = new Uint32Array(count * WORDS);
  labels.forEach((of, row) => of.forEach((label) => setBit(bits, row * WORDS, label)));
  const salesOf = Array.from({ length: count }, () => []);
  facts.sales?.row.forEach((row, sale) => salesOf[row].push(sale));
  return {
    ...facts,
    count,
    names: [...facts.types, ...facts.accessoryNames],
    labels,
    most: facts.accessories.reduce((n, of) => Math.max(n, of.length), 0),
    bits,
    pixels,
    salesOf,
    rowOf: new Map(facts.id.map((id, row) => [id, row])),
    rank: ranks(facts.rarity),
    colors: colorsOf(facts.palette),
  };
}

// As an ImageData holds them, in this machine's order of bytes.
function colorsOf(palette) {
  const bytes = palette.flatMap((rgba) => rgba.match(/../g).map((two) => parseInt(two, 16)));
  return new Uint32Array(new Uint8Array(bytes).buffer);
}

function setBit(words, offset, bit) {
  words[offset + (bit >>> 5)] |= 1 << (bit & 31);
}

// 1 for the rarest; equal values have equal ranks.
function ranks(values) {
  const order = values.map((_, row) => row).sort((a, b) => values[b] - values[a]);
  const rank = new Array(values.length);
  order.forEach((row, place) => {
    const before = order[place - 1];
    rank[row] = place && values[before] === values[row] ? rank[before] : place + 1;
  });
  return rank;
}

const scratch = document.createElement("canvas");

// A canvas with the sprites of these rows, so many across, in their own size; it is overwritten by
// the next call.
function sheetOf({ pixels, colors }, rows, across) {
  const width = across * SIDE;
  const image = new ImageData(width, Math.ceil(rows.length / across) * SIDE);
  const out = new Uint32Array(image.data.buffer);
  rows.forEach((row, place) => {
    const left = (place % across) * SIDE;
    const top = Math.floor(place / across) * SIDE;
    let at = row * PIXELS;
    for (let y = 0; y < SIDE; y++) {
      let to = (top + y) * width + left;
      for (let x = 0; x < SIDE; x++) out[to++] = colors[pixels[at++]];
    }
  });
  scratch.width = width;
  scratch.height = image.height;
  scratch.getContext("2d", { willReadFrequently: true }).putImageData(image, 0, 0);
  return scratch;
}

// The n rows whose sprites differ from this one's in the fewest pixels: [row, pixels].
function nearest({ count, pixels }, row, n) {
  const own = pixels.subarray(row * PIXELS, (row + 1) * PIXELS);
  const found = [];
  for (let other = 0, at = 0; other < count; other++) {
    let differ = 0;
    for (let i = 0; i < PIXELS; i++) differ += pixels[at++] !== own[i];
    if (other !== row) found.push([other, differ]);
  }
  return found.sort((a, b) => a[1] - b[1]).slice(0, n);
}

const GROUPED = new Intl.NumberFormat("en");
const DAY = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeZone: "UTC" });

const grouped = (n) => GROUPED.format(n);
const day = (seconds) => DAY.format(seconds * 1000);

// As many digits as count: 3,490, 45.32, 0.051, 0.000001.
function number(price) {
  const digits = price >= 1000 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 4 };
  return price.toLocaleString("en", digits);
}

const eth = (price) => `${number(price)} ETH`;

function plural(n, one, many = `${one}s`) {
  return `${grouped(n)} ${n === 1 ? one : many}`;
}

// An element with properties and children; names with a dash or as `role` become attributes.
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}
