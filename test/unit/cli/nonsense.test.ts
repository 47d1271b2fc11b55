/** What every command says to what it cannot mean: the exit code of `docs/operations.md`, and words that help. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { explain } from '../../../src/cli/explain.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { PolicyWorld } from '../../support/policy-world.ts';

const BUNDLE = 'bundles/default/bundle.tar.gz';
const UUID = '01936f7a-0000-7000-8000-000000000000';
const ID = 'A'.repeat(43);
const [USAGE, ABSENT] = [2, 3];

let world: PolicyWorld;
let said = '';
/** URL of the world's store. */
let store = '';

beforeAll(async () => {
  world = await PolicyWorld.open();
  await world.post('entries?ack=sealed', { action: 'test' });
  store = `file://${world.folder}/demo/store/demo`;
  for (const stream of [process.stdout, process.stderr]) {
    jest.spyOn(stream, 'write').mockImplementation((text) => {
      said += String(text);
      return true;
    });
  }
}, 60_000);

afterAll(async () => {
  jest.restoreAllMocks();
  process.exitCode = undefined;
  await world.close();
});

/** Runs a command line as `main.ts` does. `STORE` and `FOLDER` stand for those of the world. */
async function stele(words: readonly string[]): Promise<number> {
  said = '';
  process.exitCode = undefined;
  const given = words.map((word) => word.replace('STORE', store).replace('FOLDER', world.folder));
  const there = ['--url', world.gateway.url, '--key', world.keys.admin];
  const settings = ['--set', `data=${world.folder}`, '--set', 'log.level=silent'];
  try {
    await createProgram().parseAsync(['node', 'stele', ...there, ...settings, ...given]);
    return exitCodeNow();
  } catch (error) {
    return explain(error, false);
  }
}

/** The code as commands leave it; the compiler only sees that it was cleared above. */
function exitCodeNow(): number {
  return Number(process.exitCode ?? 0);
}

type Row = readonly [line: string, code: number, says: string];

// prettier-ignore
const rows: readonly Row[] = [
  // An id or index that is none, and one that nothing has
  ['entry nonsense',                                      USAGE,  'an id is a lower-case UUIDv7 or a leaf index'],
  [`entry ${UUID}`,                                       ABSENT, 'no such entry'],
  ['entry 999999',                                        ABSENT, 'no such entry'],
  ['prove nonsense',                                      USAGE,  'an id is a lower-case UUIDv7 or a leaf index'],
  [`prove ${UUID}`,                                       ABSENT, 'no such entry'],
  ['prove 0 --wait soon',                                 USAGE,  '--wait wants whole seconds'],
  ['entries --from yesterday',                            USAGE,  'want epoch milliseconds, or an RFC 3339 time'],
  ['policy fetch nonsense',                               USAGE,  '43 characters of base64url'],
  [`policy fetch ${ID}`,                                  ABSENT, 'no such policy'],
  [`policy explain ${UUID}`,                              ABSENT, 'no such entry'],
  ['policy explain nonsense',                             ABSENT, 'no folder with Rego'],
  ['key retire nonsense',                                 USAGE,  '43 characters of base64url'],
  ['key revoke nonsense',                                 USAGE,  '43 characters of base64url'],
  [`key retire ${ID}`,                                    ABSENT, 'has named no key'],
  [`key revoke ${ID}`,                                    ABSENT, 'has named no key'],
  ['keygen --remove nobody',                              ABSENT, 'has no key nobody'],
  ['policy status --ledger nope',                         ABSENT, 'no such ledger'],
  // A range behind the end of the log
  ['verify STORE --reexecute --entries 5000-6000',        ABSENT, 'the log ends at entry'],
  ['verify STORE --reexecute --entries 0-6000',           ABSENT, 'the log ends at entry'],
  ['verify STORE --reexecute --entries 7-5',              USAGE,  '--entries wants an index'],
  [`policy replay --bundle ${BUNDLE} --store STORE --from 5000`, ABSENT, 'the log ends at entry'],
  [`policy replay --bundle ${BUNDLE} --from 5000`,        ABSENT, 'the log ends at entry'],
  [`policy replay --bundle ${BUNDLE} --store STORE --from 5000 --allow-empty`, 0, 'the log ends at entry'],
  [`policy replay --bundle ${BUNDLE} --store STORE --to 6000`, 0, 'the log ends at entry'],
  [`policy replay --bundle ${BUNDLE} --store STORE --from 9 --to 3`, USAGE, '--to is before --from'],
  // A key or hash that is none
  ['verify STORE --vkey nonsense',                        USAGE,  '--vkey is no key of a log'],
  ['verify STORE --genesis nonsense',                     USAGE,  '--genesis is no SHA-256'],
  ['verify http://127.0.0.1:1/log/demo --vkey nonsense',  USAGE,  '--vkey is no key of a log'],
  ['fsck --vkey nonsense',                                USAGE,  '--vkey is no key of a log'],
  ['policy history STORE --vkey nonsense',                USAGE,  '--vkey is no key of a log'],
  [`policy replay --bundle ${BUNDLE} --store STORE --vkey nonsense`, USAGE, '--vkey is no key of a log'],
  // A URL that is none, and one where nothing answers
  ['verify nonsense://x',                                 USAGE,  'is no URL of anything that can be verified'],
  ['verify http://%',                                     USAGE,  'is no URL of anything that can be verified'],
  ['verify http://127.0.0.1:1/log/demo',                  ABSENT, 'does not answer'],
  ['verify file:///nope',                                 ABSENT, 'there is no'],
  ['policy history nonsense://x',                         USAGE,  'names no store'],
  ['policy history file:///nope',                         ABSENT, 'there is no ledger'],
  [`policy replay --bundle ${BUNDLE} --store nonsense://x`, USAGE, 'names no store'],
  ['entry 0 --url nonsense',                              USAGE,  'is no http or https URL'],
  ['entry 0 --url ftp://x',                               USAGE,  'is no http or https URL'],
  ['entry 0 --url http://127.0.0.1:1',                    ABSENT, 'no gateway answers'],
  // A file that is not there
  ['verify nope.tlog-proof',                              ABSENT, 'does not exist'],
  ['verify STORE --checkpoint nope',                      ABSENT, 'does not exist'],
  ['fsck --checkpoint nope',                              ABSENT, 'does not exist'],
  ['policy history STORE --checkpoint nope',              ABSENT, 'does not exist'],
  ['policy replay --bundle nope --store STORE',           ABSENT, 'does not exist'],
  ['append nope.json',                                    ABSENT, 'does not exist'],
  ['policy sign nope --signing-key nope',                 ABSENT, 'does not exist'],
  [`policy approve ${BUNDLE} --signing-key FOLDER/nope --certificate nope --out FOLDER/x`, ABSENT, 'does not exist'],
  [`policy activate ${BUNDLE} --approval nope`,           ABSENT, 'does not exist'],
  ['policy shadow start nope',                            ABSENT, 'does not exist'],
  ...['check', 'fmt', 'test', 'build', 'bench'].map((name): Row => [`policy ${name} nope`, ABSENT, 'no folder with Rego']),
  ['policy test rego --run nope',                  USAGE,  'no test has a name that matches'],
  ['policy dev nope',                                     ABSENT, 'does not exist'],
  ['--config nope config',                                USAGE,  'cannot be read'],
  // A word that no command has
  ['nonsense',                                            USAGE,  'unknown command'],
  ['policy nonsense',                                     USAGE,  'unknown command'],
  ['key nonsense',                                        USAGE,  'unknown command'],
  ['policy shadow nonsense',                              USAGE,  'Allowed choices'],
  ['fsck nonsense',                                       USAGE,  'too many arguments'],
  ['config --nonsense',                                   USAGE,  'unknown option'],
];

test.each(rows)('stele %s ends with %i', async (line, code, says) => {
  const found = await stele(line.split(' '));
  expect({ code: found, said }).toMatchObject({ code });
  expect(said.toLowerCase()).toContain(says.toLowerCase());
});

test('nothing of that left a file behind', async () => {
  await expect(access(join(world.folder, 'x'))).rejects.toMatchObject({ code: 'ENOENT' });
});
