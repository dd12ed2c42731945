const shared = {
  testEnvironment: 'node',
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {parser: {syntax: 'typescript'}, target: 'es2023'},
        module: {type: 'commonjs'},
        sourceMaps: 'inline',
      },
    ],
  },
  // Sources are ES modules and import `./name.js`; tests read the TypeScript beside it.
  moduleNameMapper: {'^(\\.{1,2}/.*)\\.js$': '$1'},
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
};

export default {
  reporters: ['default', '<rootDir>/test/support/countsReporter.mjs'],
  projects: [
    {
      ...shared,
      displayName: 'fast',
      testMatch: ['<rootDir>/test/{unit,property,tidy}/**/*.test.ts'],
    },
    {
      ...shared,
      displayName: 'stack',
      testMatch: ['<rootDir>/test/{integration,pipeline}/**/*.test.ts'],
      globalSetup: '<rootDir>/test/support/startStack.ts',
      globalTeardown: '<rootDir>/test/support/stopStack.ts',
      testTimeout: 120_000,
    },
    {
      ...shared,
      displayName: 'containers',
      testMatch: ['<rootDir>/test/containers/**/*.test.ts'],
    },
  ],
};
