/** The arguments of apply.lua, read in the order that its header gives. */
export interface Patch {
  readonly id: string;
  readonly mode: 'keep' | 'upsert' | 'replace' | 'clear';
  readonly row:
    {readonly user: string; readonly amount: string; readonly extra: readonly (string | null)[]} | undefined;
  /** Line id, and `product_id:quantity` or '' (deleted). */
  readonly lines: readonly (readonly [string, string])[];
}

export interface ScriptInput {
  readonly next: string;
  readonly prefix: string;
  readonly layout: string;
  readonly extraNames: readonly string[];
  readonly products: readonly string[];
  /** Orders that are probably not there yet: saves the script reading, and changes nothing. */
  readonly created: readonly string[];
  readonly quarantined: readonly (readonly [string, string])[];
  readonly settled: readonly string[];
  readonly patches: readonly Patch[];
}

export function readArguments(args: readonly string[]): ScriptInput {
  let at = 1;
  const take = (): string => {
    const text = args[at++];
    if (text === undefined) throw new Error('the script was given too few arguments');
    return text;
  };
  const takeMany = <T>(one: () => T): T[] => Array.from({length: Number(take())}, one);
  const pair = (): readonly [string, string] => [take(), take()];
  const [next, prefix, layout] = [take(), take(), take()];
  const extraNames = takeMany(take);
  const [products, created] = [takeMany(take), takeMany(take)];
  const [quarantined, settled] = [takeMany(pair), takeMany(take)];
  const patches = takeMany((): Patch => {
    const [id, mode] = [take(), take() as Patch['mode']];
    const row = mode === 'upsert' || mode === 'replace' ? takeRow(take, extraNames.length) : undefined;
    return {id, mode, row, lines: takeMany(pair)};
  });
  if (at !== args.length) throw new Error('the script was given too many arguments');
  return {next, prefix, layout, extraNames, products, created, quarantined, settled, patches};
}

function takeRow(take: () => string, extraColumns: number): NonNullable<Patch['row']> {
  const [user, amount] = [take(), take()];
  const extra = Array.from({length: extraColumns}, () => {
    const text = take();
    return text.startsWith('+') ? text.slice(1) : null;
  });
  return {user, amount, extra};
}
