// Unpacking of the data that the page embeds.

/** Return the bytes of a text that encodes gzipped bytes in base64. */
export async function unpackBytes(text) {
  const packed = atob(text);
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(plain).arrayBuffer());
}

/** Return the running totals of numbers. */
export function addUp(steps) {
  let total = 0;
  return steps.map((step) => (total += step));
}
