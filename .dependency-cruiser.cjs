/** One direction of layers; an arrow the table does not allow fails the gate. */
const mayImport = {
  core: [],
  storage: ['core'],
  policy: ['core'],
  toolchain: ['core'],
  keys: ['core'],
  ledger: ['core', 'storage'],
  gateway: ['core', 'policy', 'keys', 'ledger'],
  cli: ['core', 'storage', 'policy', 'toolchain', 'keys', 'ledger', 'gateway'],
};
const layering = Object.entries(mayImport).map(([layer, below]) => ({
  name: `${layer}-imports-only-downward`,
  severity: 'error',
  from: { path: `^src/${layer}/` },
  to: { path: '^src/', pathNot: `^src/(${[layer, ...below].join('|')})/` },
}));
/** Each third-party package has one home. */
const homes = {
  express: '^src/gateway/',
  '@aws-sdk': '^src/storage/s3-',
  '@open-policy-agent': '^src/policy/',
  re2js: '^src/policy/engine/builtins/',
  jose: '^src/(keys|cli)/',
  commander: '^src/cli/',
  '@noble': '^src/core/platform',
};
const onlyAt = Object.entries(homes).map(([name, home]) => ({
  name: `${name.replace(/\W/g, '')}-has-one-home`,
  severity: 'error',
  from: { path: '^src/', pathNot: home },
  to: { path: `node_modules/${name}[/$]` },
}));
module.exports = {
  forbidden: [
    ...layering,
    ...onlyAt,
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      // The folders of a layer are its ideas; each stands on others, none on one that stands on it.
      name: 'no-cycles-of-folders',
      severity: 'error',
      scope: 'folder',
      from: {},
      to: { circular: true },
    },
    {
      name: 'core-is-pure',
      severity: 'error',
      from: { path: '^src/core/', pathNot: 'platform\\.node\\.ts$' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'nothing-imports-tests',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^test/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
  },
};
