/** The hash slot of a key in a Redis Cluster, as Redis computes it. Pure. */

/** How many slots a cluster has. Each key belongs to one of them, and each slot to one master. */
export const SLOT_COUNT = 16_384;

/** CRC16 with the polynomial of XMODEM, one entry for each byte. */
const TABLE = Uint16Array.from({length: 256}, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
  return crc & 0xffff;
});

/** Returns the slot of a key. If the key contains a hash tag, for example `{7}` in `{7}order:1`, only the text in it decides. */
export function slotOf(key: string): number {
  let crc = 0;
  for (const byte of Buffer.from(hashedPart(key)))
    crc = ((crc << 8) & 0xffff) ^ (TABLE[(crc >> 8) ^ byte] ?? 0);
  return crc % SLOT_COUNT;
}

/** The text between the first `{` and the next `}`. The whole key if there is no such text, or if it is empty. */
function hashedPart(key: string): string {
  const begin = key.indexOf('{');
  const end = begin < 0 ? -1 : key.indexOf('}', begin + 1);
  return end > begin + 1 ? key.slice(begin + 1, end) : key;
}
