/**
 * Compression codecs for kafkajs in addition to gzip: snappy, lz4 and zstd.
 *
 * The operator installs the package of a codec if the producer uses it. No package is a dependency of this project, because two of the
 * three compile native code when they are installed. Node.js 22.15 and later include zstd, so they do not need its package.
 *
 * A missing package causes a `KafkaJSNotImplemented` error. It is the only error that kafkajs does not retry without a limit.
 */
import kafkajs from 'kafkajs';
import * as zlib from 'node:zlib';

const {CompressionCodecs, CompressionTypes} = kafkajs;

interface Codec {
  compress(encoder: {readonly buffer: Buffer}): Promise<Buffer>;
  decompress(packed: Buffer): Promise<Buffer>;
}

/** Imports a package by its name. */
export type Load = (name: string) => Promise<unknown>;

export const OPTIONAL_CODECS = [
  {compression: 'snappy', type: CompressionTypes.Snappy, name: 'kafkajs-snappy'},
  {compression: 'lz4', type: CompressionTypes.LZ4, name: 'kafkajs-lz4'},
  {compression: 'zstd', type: CompressionTypes.ZSTD, name: '@kafkajs/zstd'},
] as const;

export class CodecMissing extends Error {
  override readonly name = 'KafkaJSNotImplemented';
  readonly retriable = false;

  constructor(compression: string, packageName: string) {
    super(`${compression}, which requires the package ${packageName}: npm install --no-save ${packageName}`);
  }
}

/** Registers all codecs in kafkajs. A package is imported when the first batch requires it. */
export function registerCodecs(load: Load = async (name) => (await import(name)) as unknown): void {
  for (const codec of OPTIONAL_CODECS) {
    const lazy = lazyCodec(codec, load);
    CompressionCodecs[codec.type] = () => lazy;
  }
  const builtIn = builtInZstd();
  if (builtIn !== undefined) CompressionCodecs[CompressionTypes.ZSTD] = () => builtIn;
}

function lazyCodec({compression, name}: (typeof OPTIONAL_CODECS)[number], load: Load): Codec {
  let loading: Promise<Codec> | undefined;
  const codec = async (): Promise<Codec> => {
    loading ??= load(name).then(codecOf, () => {
      throw new CodecMissing(compression, name);
    });
    return await loading;
  };
  return {
    compress: async (encoder) => await (await codec()).compress(encoder),
    decompress: async (packed) => await (await codec()).decompress(packed),
  };
}

/** The packages export different things: a function that creates a codec, a codec class, or a function that returns such a function. */
function codecOf(module: unknown): Codec {
  let found = module;
  for (let depth = 0; depth < 5; depth++) {
    if (isCodec(found)) return found;
    if (typeof found === 'function') found = made(found as () => unknown);
    else if (typeof found === 'object' && found !== null) {
      const {default: inner, codec} = found as {default?: unknown; codec?: unknown};
      found = codec ?? inner;
    } else break;
  }
  throw new Error('the compression package exports no codec');
}

function made(factory: () => unknown): unknown {
  try {
    return factory();
  } catch {
    return new (factory as unknown as new () => unknown)();
  }
}

function isCodec(value: unknown): value is Codec {
  const {compress, decompress} = (value ?? {}) as Partial<Record<'compress' | 'decompress', unknown>>;
  return typeof compress === 'function' && typeof decompress === 'function';
}

/** The zstd functions of `node:zlib`. The types of Node.js 20 do not declare them. */
interface Zstd {
  readonly zstdCompressSync?: (bytes: Buffer) => Buffer;
  readonly zstdDecompressSync?: (bytes: Buffer) => Buffer;
}

function builtInZstd(): Codec | undefined {
  const {zstdCompressSync, zstdDecompressSync} = zlib as Zstd;
  if (zstdCompressSync === undefined || zstdDecompressSync === undefined) return undefined;
  return {
    compress: async ({buffer}) => await Promise.resolve(zstdCompressSync(buffer)),
    decompress: async (packed) => await Promise.resolve(zstdDecompressSync(packed)),
  };
}
