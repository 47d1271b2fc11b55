// Installs the judges that this project did not write into .tools, pinned: Tessera's fsck, our few lines around
// golang.org/x/mod/sumdb, and Python's sd-jwt. `node infra/judges/install.mjs [fsck|sumdb|python …]`; all without names.
// What is installed already costs one look at its stamp; what this machine lacks is named, and exits with 0.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const tools = join(root, '.tools');
const bin = join(tools, 'bin');
const venv = join(tools, 'judges-python');
const requirements = join(import.meta.dirname, 'python/requirements.txt');
const FSCK = 'github.com/transparency-dev/tessera/cmd/fsck@v1.0.4';

const goEnvironment = {
  ...process.env,
  GOBIN: bin,
  GOPATH: join(tools, 'go'),
  GOMODCACHE: join(tools, 'go/pkg/mod'),
  GOCACHE: join(tools, 'go/build'),
  GOFLAGS: '-modcacherw', // otherwise `rm -rf .tools` needs a chmod first
  GOTOOLCHAIN: 'local',
};

const judges = {
  fsck: {
    title: 'Tessera fsck v1.0.4',
    slow: 'about a minute of compiling',
    lacks: () => lacksGo(25),
    pin: () => FSCK,
    product: join(bin, 'fsck'),
    install: () => run('go', ['install', '-trimpath', FSCK], { env: goEnvironment }),
  },
  sumdb: {
    title: 'golang.org/x/mod/sumdb v0.40.0',
    slow: 'about 20 seconds of compiling',
    lacks: () => lacksGo(25),
    pin: () => digestOf(join(import.meta.dirname, 'sumdb')),
    product: join(bin, 'sumdb'),
    install: () =>
      run('go', ['build', '-trimpath', '-mod=readonly', '-o', join(bin, 'sumdb'), '.'], {
        env: goEnvironment,
        cwd: join(import.meta.dirname, 'sumdb'),
      }),
  },
  python: {
    title: 'Python sd-jwt 0.10.4',
    slow: 'a download of about 7 MB',
    lacks: lacksPython,
    pin: () => readFileSync(requirements, 'utf8'),
    product: join(venv, 'bin/python'),
    install: installPython,
  },
};

function installPython() {
  rmSync(venv, { recursive: true, force: true });
  run('python3', ['-m', 'venv', venv]);
  const options = ['--quiet', '--disable-pip-version-check', '--no-input', '--require-hashes'];
  run(join(venv, 'bin/python'), ['-m', 'pip', 'install', ...options, '-r', requirements]);
}

/** @returns {string | null} what is missing, in words for the list of skipped things */
function lacksGo(minor) {
  const found = spawnSync('go', ['env', 'GOVERSION'], { encoding: 'utf8', env: goEnvironment });
  const version = /^go1\.(\d+)/.exec(found.stdout ?? '');
  if (version !== null && Number(version[1]) >= minor) return null;
  return `Go 1.${minor} or later`;
}

function lacksPython() {
  const probe = 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 9))';
  return spawnSync('python3', ['-c', probe]).status === 0 ? null : 'Python 3.9 or later with venv';
}

function run(command, args, options = {}) {
  const done = spawnSync(command, args, { encoding: 'utf8', ...options });
  if (done.status === 0) return;
  const said = `${done.stdout ?? ''}${done.stderr ?? ''}`.trim().slice(-2000);
  throw new Error(`${command} ${args.slice(0, 2).join(' ')} failed\n${said}`);
}

function digestOf(folder) {
  const digest = createHash('sha256');
  for (const name of readdirSync(folder).sort()) {
    digest.update(`${name}\n`).update(readFileSync(join(folder, name)));
  }
  return digest.digest('hex');
}

function install(name) {
  const { title, slow, lacks, pin, product, install: work } = judges[name];
  const stamp = join(tools, 'stamps', `judge-${name}`);
  const wanted = createHash('sha256').update(pin()).digest('hex');
  if (existsSync(product) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) {
    console.log(`ready: ${title}`);
    return true;
  }
  const missing = lacks();
  if (missing !== null) {
    console.log(`skipped: ${title} needs ${missing}`);
    return true;
  }
  console.log(`installing: ${title} (${slow})`);
  const started = performance.now();
  try {
    work();
  } catch (error) {
    console.log(`failed: ${title}: ${error.message}`);
    return false;
  }
  writeFileSync(stamp, wanted);
  console.log(`installed: ${title} (${((performance.now() - started) / 1000).toFixed(0)} s)`);
  return true;
}

mkdirSync(bin, { recursive: true });
mkdirSync(join(tools, 'stamps'), { recursive: true });
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(judges, name));
if (unknown.length > 0) {
  console.error(`unknown judge ${unknown.join(', ')}: there are ${Object.keys(judges).join(', ')}`);
  process.exitCode = 2;
} else {
  const results = (asked.length > 0 ? asked : Object.keys(judges)).map(install);
  process.exitCode = results.every(Boolean) ? 0 : 1;
}
