import {gzipSync} from 'node:zlib';
import {gzipCodec, unpacked} from '../../src/clients/kafka/gzip.js';

const text = (length: number): Buffer => Buffer.from('0123456789'.repeat(length / 10));

describe('gzip for kafkajs', () => {
  test.each([0, 10, 1_000, 1_030, 200_000, 20_000_000])('unpacks %i bytes', async (length) => {
    expect((await gzipCodec.decompress(gzipSync(text(length)))).equals(text(length))).toBe(true);
  });

  test('what it packs, it unpacks', async () => {
    const packed = await gzipCodec.compress({buffer: text(5_000)});
    expect(packed.length).toBeLessThan(1_000);
    expect(unpacked(packed).equals(text(5_000))).toBe(true);
  });

  test('unpacks members one after the other, whatever the last one tells about its size', () => {
    const packed = Buffer.concat([gzipSync(text(100_000)), gzipSync(text(10))]);
    expect(unpacked(packed).length).toBe(100_010);
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['less than a size', Buffer.from([31, 139, 8])],
    ['another text', Buffer.from('no gzip, but longer than a size')],
    ['half of it', gzipSync(text(100_000)).subarray(0, 100)],
    [
      'a wrong size',
      Buffer.concat([gzipSync(text(1_000)).subarray(0, -4), Buffer.from([255, 255, 255, 255])]),
    ],
  ])('refuses %s', async (_, packed) => {
    await expect(gzipCodec.decompress(packed)).rejects.toThrow();
  });
});
