import {readdirSync, readFileSync} from 'node:fs';
import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

/** The packages that stand for outside systems; each has one door (src/clients). */
const CLIENT_LIBRARIES = ['kafkajs', 'ioredis', 'mysql2', 'mysql2/promise'];

const IMPURE = [
  'node:fs',
  'node:net',
  'node:http',
  'node:timers',
  'node:process',
  'node:child_process',
  'pino',
];

function clientDoor() {
  return CLIENT_LIBRARIES.map((name) => ({
    name,
    message: 'Only src/clients/ may import a client library: one door per outside system.',
  }));
}

/** Files whose head says that they are pure are held to it, wherever they stand. */
function pureFiles() {
  return readdirSync('src', {recursive: true, encoding: 'utf8'})
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `src/${name}`)
    .filter((file) => /\bPure\b/.test(/^\/\*\*[\s\S]*?\*\//.exec(readFileSync(file, 'utf8'))?.[0] ?? ''));
}

function pureRules() {
  return {
    '@typescript-eslint/no-restricted-imports': [
      'error',
      {
        paths: IMPURE.map((name) => ({name, message: 'This file is pure: no I/O, no clock.'})),
        patterns: [
          {
            regex: '/clients/',
            message: 'This file is pure: outside systems are arguments.',
            allowTypeImports: true,
          },
        ],
      },
    ],
    'no-restricted-globals': [
      'error',
      {name: 'process', message: 'This file is pure: settings are arguments.'},
      {name: 'setTimeout', message: 'This file is pure: time is an argument.'},
      {name: 'setInterval', message: 'This file is pure: time is an argument.'},
    ],
    'no-restricted-properties': [
      'error',
      {object: 'Date', property: 'now', message: 'This file is pure: time is an argument.'},
      {object: 'Math', property: 'random', message: 'This file is pure: randomness is an argument.'},
    ],
  };
}

export default tseslint.config(
  {ignores: ['dist/', 'node_modules/', 'coverage/']},
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: {parserOptions: {projectService: true, tsconfigRootDir: import.meta.dirname}},
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', {allowNumber: true, allowBoolean: true}],
      '@typescript-eslint/no-confusing-void-expression': ['error', {ignoreArrowShorthand: true}],
      'max-params': ['error', 3],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'ObjectExpression > SpreadElement > ObjectExpression',
          message:
            'Write the properties themselves: the compiler does not check a spread literal for properties that do not exist.',
        },
        {
          selector: "CallExpression[callee.property.name='addEventListener'][arguments.0.value='abort']",
          message:
            'Use onAbort (runtime/lifecycle.ts): a signal that has already aborted has no more events.',
        },
      ],
      'max-lines-per-function': ['error', {max: 70, skipComments: true, skipBlankLines: true}],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/clients/**'],
    rules: {
      'no-console': 'error',
      'no-restricted-imports': ['error', {paths: clientDoor()}],
    },
  },
  {
    files: ['src/{domain,redis-model,decode}/**/*.ts', 'src/reduce.ts', ...pureFiles()],
    rules: pureRules(),
  },
  {
    files: ['src/page/**/*.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        ...['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'write', 'writeln'].map((property) => ({
          property,
          message: 'What comes from the worker is text: use textContent.',
        })),
      ],
    },
  },
  {
    files: ['test/**/*.ts', 'stack/**/*.ts', 'bench/**/*.ts'],
    rules: {
      'max-lines-per-function': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: {globals: {process: 'readonly', console: 'readonly', URL: 'readonly'}},
  },
);
