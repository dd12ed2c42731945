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
  // Jest takes this for the whole run only, and ignores it in a project. Tests on servers wait on conditions, not on times.
  testTimeout: 120_000,
  reporters: ['default', '<rootDir>/test/support/summaryReporter.mjs'],
  testSequencer: '<rootDir>/test/support/drawnOrder.mjs',
  projects: [
    {
      ...shared,
      displayName: 'fast',
      testMatch: ['<rootDir>/test/{unit,property,tidy}/**/*.test.ts'],
    },
    {
      ...shared,
      displayName: 'simulation',
      testMatch: ['<rootDir>/test/simulation/**/*.test.ts'],
    },
    {
      ...shared,
      displayName: 'stack',
      testMatch: ['<rootDir>/test/{integration,pipeline,faults}/**/*.test.ts'],
      globalSetup: '<rootDir>/test/support/startStacks.mjs',
      globalTeardown: '<rootDir>/test/support/stopStacks.mjs',
      setupFilesAfterEnv: ['<rootDir>/test/support/freshServers.ts'],
    },
    {
      ...shared,
      displayName: 'containers',
      testMatch: ['<rootDir>/test/containers/**/*.test.ts'],
    },
  ],
};
