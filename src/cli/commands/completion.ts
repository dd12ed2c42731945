/**
 * Completion scripts for shells, generated from the declared commands.
 *
 * A `Place` is the path of commands that the command line contains so far ('', 'dlq', 'dlq list'). Each place has the words that can
 * follow it.
 *
 * Pure: no clock, no I/O.
 */
import type {Command, Option} from 'commander';

export type Shell = 'bash' | 'zsh' | 'fish';

interface Word {
  readonly text: string;
  readonly meaning: string;
}

interface Flag extends Word {
  /** The kind of its value: one of these words, a path, or any text. It is null if the flag has no value. */
  readonly value: readonly string[] | 'path' | 'any' | null;
}

interface Place {
  readonly path: string;
  readonly commands: readonly Word[];
  /** The words that an argument of the command accepts. */
  readonly choices: readonly string[];
  readonly flags: readonly Flag[];
}

export function completionScript(program: Command, shell: Shell): string[] {
  const places = placesOf(program, '');
  const common = flagsOf(program);
  switch (shell) {
    case 'bash':
      return bash(places, common);
    case 'zsh':
      return zsh(places, common);
    case 'fish':
      return fish(places, common);
  }
}

function placesOf(command: Command, path: string): Place[] {
  const commands = command.commands.map((each) => ({text: each.name(), meaning: each.description()}));
  const choices = command.registeredArguments.flatMap(({argChoices = []}) => argChoices);
  // The flags of the program itself are valid in every place. So they are kept apart and not repeated in each place.
  const flags = path === '' ? [] : flagsOf(command);
  const below = command.commands.flatMap((each) => placesOf(each, `${path} ${each.name()}`.trim()));
  return [{path, commands, choices, flags}, ...below];
}

function flagsOf(command: Command): Flag[] {
  const own = command.options.flatMap((option): Flag[] => {
    const {long} = option;
    if (long == null) return [];
    return [{text: long, meaning: option.description, value: valueOf(option)}];
  });
  return [...own, {text: '--help', meaning: 'display help for command', value: null}];
}

function valueOf({flags, argChoices}: Option): Flag['value'] {
  if (argChoices !== undefined) return argChoices;
  return /<path>/.test(flags) ? 'path' : /[<[]/.test(flags) ? 'any' : null;
}

/** The script for bash. Its function first finds the place from the words on the line, then offers the words of that place. */
function bash(places: readonly Place[], common: readonly Flag[]): string[] {
  return [
    '_projector() {',
    '  local current="${COMP_WORDS[COMP_CWORD]}" place="" words="" word next index=1',
    '  COMPREPLY=()',
    '  while [ "$index" -lt "$COMP_CWORD" ]; do',
    '    word="${COMP_WORDS[index]}"',
    '    case "$word" in',
    ...patternLines(valueFlags(places, common), '      ', ') index=$((index + 1)) ;;'),
    '      -*) ;;',
    '      *)',
    '        next="${place:+$place }$word"',
    '        case "$next" in',
    ...patternLines(pathsOf(places), '          ', ') place="$next" ;;'),
    '        esac',
    '        ;;',
    '    esac',
    '    index=$((index + 1))',
    '  done',
    '  case "${COMP_WORDS[COMP_CWORD-1]}" in',
    ...valueCases(places, common).map(({flags, value}) =>
      value === 'path'
        ? `    ${flags}) COMPREPLY=($(compgen -f -- "$current")); return ;;`
        : `    ${flags}) COMPREPLY=($(compgen -W ${quoted(value.join(' '))} -- "$current")); return ;;`,
    ),
    '  esac',
    '  case "$place" in',
    ...places.map(({path, commands, choices, flags}) => {
      const words = [...commands.map(({text}) => text), ...choices, ...flags.map(({text}) => text)];
      return `    ${quoted(path)}) words=${quoted(words.join(' '))} ;;`;
    }),
    '  esac',
    `  case "$current" in -*) words="$words ${common.map(({text}) => text).join(' ')}" ;; esac`,
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '}',
    'complete -F _projector projector',
  ];
}

function zsh(places: readonly Place[], common: readonly Flag[]): string[] {
  const described = ({text, meaning}: Word): string => quoted(`${text}:${meaning}`);
  return [
    '#compdef projector',
    '_projector() {',
    '  local place="" word next index=2',
    '  local -a candidates',
    '  while (( index < CURRENT )); do',
    '    word="${words[index]}"',
    '    case "$word" in',
    ...patternLines(valueFlags(places, common), '      ', ') (( index++ )) ;;'),
    '      -*) ;;',
    '      *)',
    '        next="${place:+$place }$word"',
    '        case "$next" in',
    ...patternLines(pathsOf(places), '          ', ') place="$next" ;;'),
    '        esac',
    '        ;;',
    '    esac',
    '    (( index++ ))',
    '  done',
    '  case "${words[CURRENT-1]}" in',
    ...valueCases(places, common).map(({flags, value}) =>
      value === 'path'
        ? `    ${flags}) _files; return ;;`
        : `    ${flags}) compadd -- ${value.map(quoted).join(' ')}; return ;;`,
    ),
    '  esac',
    '  case "$place" in',
    ...places.map(({path, commands, choices, flags}) => {
      const words = [...commands, ...choices.map((text) => ({text, meaning: ''})), ...flags];
      return `    ${quoted(path)}) candidates=(${words.map(described).join(' ')}) ;;`;
    }),
    '  esac',
    `  if [[ "\${words[CURRENT]}" == -* ]]; then candidates+=(${common.map(described).join(' ')}); fi`,
    "  _describe 'projector' candidates",
    '}',
    'compdef _projector projector',
  ];
}

function fish(places: readonly Place[], common: readonly Flag[]): string[] {
  const at = (path: string): string => `-n ${quoted(`test (__projector_place) = "${path}"`)}`;
  const flagLine = (condition: string, {text, meaning, value}: Flag): string => {
    const follows = value === null ? '' : value === 'path' ? ' -r -F' : ' -x';
    const words = Array.isArray(value) ? ` -a ${quoted(value.join(' '))}` : '';
    return `complete -c projector ${condition}-l ${text.slice(2)}${follows}${words} -d ${quoted(meaning)}`;
  };
  return [
    'function __projector_place',
    '  set -l place ""',
    '  set -l skip 0',
    '  for word in (commandline -opc)[2..-1]',
    '    if test $skip = 1; set skip 0; continue; end',
    '    switch $word',
    `      case ${valueFlags(places, common).join(' ')}`,
    '        set skip 1',
    "      case '-*'",
    "      case '*'",
    '        set -l next (string trim "$place $word")',
    `        if contains -- "$next" ${pathsOf(places).join(' ')}`,
    '          set place $next',
    '        end',
    '    end',
    '  end',
    '  echo $place',
    'end',
    'complete -c projector -f',
    ...common.map((flag) => flagLine('', flag)),
    ...places.flatMap(({path, commands, choices, flags}) => [
      ...commands.map(
        ({text, meaning}) => `complete -c projector ${at(path)} -a ${text} -d ${quoted(meaning)}`,
      ),
      ...choices.map((text) => `complete -c projector ${at(path)} -a ${text}`),
      ...flags.filter(({text}) => text !== '--help').map((flag) => flagLine(`${at(path)} `, flag)),
    ]),
  ];
}

/** Returns every path of commands except the empty one, in quotes. */
function pathsOf(places: readonly Place[]): string[] {
  return places.flatMap(({path}) => (path === '' ? [] : [quoted(path)]));
}

/** Returns the flags that have a value, each of them once. */
function valueFlags(places: readonly Place[], common: readonly Flag[]): string[] {
  const all = [...common, ...places.flatMap(({flags}) => flags)];
  return [...new Set(all.filter(({value}) => value !== null).map(({text}) => text))];
}

/** Returns the flags whose values can be completed, each with its words or `path`. */
function valueCases(
  places: readonly Place[],
  common: readonly Flag[],
): {readonly flags: string; readonly value: readonly string[] | 'path'}[] {
  const flags = new Map(
    [...common, ...places.flatMap((place) => place.flags)].map((flag) => [flag.text, flag.value]),
  );
  return [...flags].flatMap(([text, value]) =>
    value === null || value === 'any' ? [] : [{flags: text, value}],
  );
}

/** Returns one branch of `case`, or none if there is no pattern, because an empty pattern is a syntax error. */
function patternLines(patterns: readonly string[], indent: string, rest: string): string[] {
  return patterns.length === 0 ? [] : [`${indent}${patterns.join('|')}${rest}`];
}

/**
 * Quotes a text with single quotes, in a form that all three shells accept. A single quote in the text closes the quotes, is
 * escaped, and opens them again.
 */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
