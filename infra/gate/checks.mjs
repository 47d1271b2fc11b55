const bin = (name) => `node_modules/.bin/${name}`;

/** The checks of the gate, in order: cheap ones first. */
export const checks = [
  {
    name: 'format',
    command: bin('prettier'),
    args: ['--check', 'src', 'test', 'infra', '*.{js,cjs,json,md}', 'docs'],
  },
  { name: 'types', command: bin('tsc'), args: ['-p', 'tsconfig.test.json'] },
  { name: 'core is pure', command: bin('tsc'), args: ['-p', 'tsconfig.core.json'] },
  {
    name: 'layers',
    command: bin('depcruise'),
    args: ['src', '--config', '.dependency-cruiser.cjs'],
  },
  { name: 'lint', command: bin('eslint'), args: ['src', 'test', '--max-warnings', '0'] },
  { name: 'dead code', command: bin('knip'), args: [] },
  {
    name: 'generated files',
    command: process.execPath,
    args: ['infra/generate/all.mjs', '--check'],
  },
  {
    name: 'browser bundle of the core',
    command: process.execPath,
    args: ['infra/gate/browser-bundle.mjs'],
  },
  {
    // Compiles for two minutes the first time, where Go is present; after that a look at a stamp.
    name: 'Rego toolchain is its sources',
    command: process.execPath,
    args: ['infra/rego-toolchain/build.mjs', '--check'],
  },
];
