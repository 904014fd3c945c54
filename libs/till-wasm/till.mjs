// The pricing engine for JavaScript: in browsers, in workers and in Node.js.

/**
 * Makes the engine from the bytes of the module.
 * @param {BufferSource} bytes
 * @returns {Promise<{price: (question: string) => string}>} `price` takes and gives JSON, as the README of schemas says.
 */
export async function engine(bytes) {
  const { instance } = await WebAssembly.instantiate(bytes, {});
  const { memory, input, price, output } = instance.exports;
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  return {
    price(question) {
      const text = encoder.encode(question);
      // The memory may grow in each call, and its buffer is then another one.
      const at = input(text.length) >>> 0;
      new Uint8Array(memory.buffer, at, text.length).set(text);
      const length = price() >>> 0;
      return decoder.decode(new Uint8Array(memory.buffer, output() >>> 0, length));
    },
  };
}
