/**
 * Gzip for kafkajs, as a codec of its registry. Its own one unpacks into many small buffers on another thread: for a batch
 * of 150 KB that costs seven times what it takes to do it here, in one buffer of the right size.
 */
import {promisify} from 'node:util';
import {gunzipSync, gzip} from 'node:zlib';

const pack = promisify(gzip);

/** The last four bytes tell how many were packed, modulo 2^32 (RFC 1952, ISIZE). They are a hint only: anyone may write them. */
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
    // Many batches come in one answer. Between two of them replies of Redis are read, and it is given more to do.
    await new Promise((resolve) => setImmediate(resolve));
    return unpacked(packed);
  },
};

/** Throws what zlib throws when this is no whole gzip. */
export function unpacked(packed: Buffer): Buffer {
  const size = packed.length < SIZE_BYTES ? 0 : packed.readUInt32LE(packed.length - SIZE_BYTES);
  // One byte more: a full buffer would make zlib ask for another one.
  const chunkSize = Math.min(Math.max(size + 1, BUFFER_BYTES_MIN), BUFFER_BYTES_MAX);
  return gunzipSync(packed, {chunkSize});
}
