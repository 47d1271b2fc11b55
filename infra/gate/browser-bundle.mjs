// The core must bundle for a browser, with nothing of Node, Express, AWS or the policy engine inside.
import { build } from 'esbuild';

const result = await build({
  entryPoints: ['dist/core/index.js'],
  bundle: true,
  write: false,
  minify: true,
  format: 'esm',
  platform: 'browser',
  logLevel: 'silent',
  metafile: true,
});
const inputs = Object.keys(result.metafile.inputs);
const foreign = inputs.filter((path) => /platform\.node|aws-sdk|express|opa-wasm|node:/.test(path));
if (foreign.length > 0) {
  console.error(`the browser bundle of the core holds ${foreign.join(', ')}`);
  process.exitCode = 1;
} else {
  console.log(
    `core for browsers: ${Math.round(result.outputFiles[0].contents.length / 1024)} KiB minified`,
  );
}
