/** Jest in ESM mode: `@noble/*` and `jose` are ESM only. Types are checked by `tsc`, not here. */
export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  moduleNameMapper: { '^#platform$': '<rootDir>/src/core/platform/platform.node.ts' },
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  testTimeout: 30_000,
  // Without this a machine of two processors runs one suite at a time.
  maxWorkers: 2,
  // No ESM module of a suite is ever freed, and coverage walks the whole heap before and after each:
  // the fortieth small suite of a worker took ten times as long as its first.
  workerIdleMemoryLimit: '120MB',
  collectCoverageFrom: [
    'src/**/*.ts',
    '!src/cli/main.ts',
    '!src/index.ts',
    '!src/policy/pool/worker.ts',
    '!src/policy/bundle/stage-worker.ts',
    '!src/policy/shadow/worker.ts',
    '!src/toolchain/worker.ts',
  ],
  // What a process or a worker of its own runs is tested there and not counted here.
  coverageThreshold: {
    global: { lines: 90, branches: 90 },
    './src/core/': { lines: 100, branches: 100 },
  },
  coverageReporters: ['text-summary'],
  coverageProvider: 'v8',
};
