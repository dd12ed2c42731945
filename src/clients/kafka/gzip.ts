/**
 * The gzip codec for kafkajs. It decompresses a batch into one buffer of the right size.
 *
 * The codec of kafkajs decompresses into many small buffers on another thread. For a batch of 150 KB this takes seven times as long
 * (docs/performance.md).
 */
import {promisify} from 'node:util';
import {gunzipSync, gzip} from 'node:zlib';

const pack = promisify(gzip);

/**
 * The last four bytes contain the uncompressed size modulo 2^32 (RFC 1952, ISIZE). It is only a hint, because a producer can write
 * any number there.
 */
const SIZE_BYTES = 4;
const BUFFER_BYTES_MIN = 1_024;
const BUFFER_BYTES_MAX = 8 * 1_024 * 1_024;

interface Codec {
  compress(encoder: {readonly buffer: Buffer}): Promise<Buffer>;
  decompress(packed: Buffer): Promise<Buffer>;
}

export const gzipCodec: Codec = {
  compress: async ({buffer}) => await pack(buffer),
  decompress: async (packed) => {
    // One fetch response contains many batches. The pause lets the worker read replies of Redis and send scripts between two batches.
    await new Promise((resolve) => setImmediate(resolve));
    return unpacked(packed);
  },
};

/** Decompresses one batch. Throws the error of zlib if the data is not complete gzip data. */
export function unpacked(packed: Buffer): Buffer {
  const size = packed.length < SIZE_BYTES ? 0 : packed.readUInt32LE(packed.length - SIZE_BYTES);
  // The buffer has one byte more than the data, because zlib allocates another buffer as soon as one is full.
  const chunkSize = Math.min(Math.max(size + 1, BUFFER_BYTES_MIN), BUFFER_BYTES_MAX);
  return gunzipSync(packed, {chunkSize});
}
