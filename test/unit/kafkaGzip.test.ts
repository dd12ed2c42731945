import {gzipSync} from 'node:zlib';
import {gzipCodec, unpacked} from '../../src/clients/kafka/gzip.js';

const text = (length: number): Buffer => Buffer.from('0123456789'.repeat(length / 10));

describe('the gzip codec for kafkajs', () => {
  test.each([0, 10, 1_000, 1_030, 200_000, 20_000_000])('decompresses %i bytes', async (length) => {
    expect((await gzipCodec.decompress(gzipSync(text(length)))).equals(text(length))).toBe(true);
  });

  test('decompresses what it has compressed', async () => {
    const packed = await gzipCodec.compress({buffer: text(5_000)});
    expect(packed.length).toBeLessThan(1_000);
    expect(unpacked(packed).equals(text(5_000))).toBe(true);
  });

  test('decompresses several gzip members, although the size field covers only the last one', () => {
    const packed = Buffer.concat([gzipSync(text(100_000)), gzipSync(text(10))]);
    expect(unpacked(packed).length).toBe(100_010);
  });

  test.each([
    ['empty data', Buffer.alloc(0)],
    ['data that is shorter than the size field', Buffer.from([31, 139, 8])],
    ['data that is not gzip', Buffer.from('no gzip, but longer than a size')],
    ['truncated data', gzipSync(text(100_000)).subarray(0, 100)],
    [
      'a wrong size field',
      Buffer.concat([gzipSync(text(1_000)).subarray(0, -4), Buffer.from([255, 255, 255, 255])]),
    ],
  ])('rejects %s', async (_, packed) => {
    await expect(gzipCodec.decompress(packed)).rejects.toThrow();
  });
});
