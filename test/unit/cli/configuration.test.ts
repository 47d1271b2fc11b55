import { describe, expect, test } from '@jest/globals';
import { resolveConfiguration } from '../../../src/cli/settings/configuration.ts';
import type { ConfigurationSources } from '../../../src/cli/settings/configuration.ts';
import { environmentName } from '../../../src/cli/settings/table.ts';

function resolve(sources: Partial<ConfigurationSources>) {
  return resolveConfiguration({ flags: {}, environment: {}, ...sources });
}

function faultOf(sources: Partial<ConfigurationSources>): string {
  try {
    resolve(sources);
  } catch (error) {
    expect(error).toMatchObject({
      code: 'configuration_invalid',
      disposition: 'fix-configuration',
    });
    return (error as Error).message;
  }
  throw new Error('the configuration was taken');
}

describe('where a setting comes from', () => {
  const file = 'listen:\n  port: 1\n';
  const environment = { STELE_LISTEN__PORT: '2' };
  const flags = { 'listen.port': '3' };
  test.each([
    ['the default', {}, 8420, 'default'],
    ['the file over the default', { file }, 1, 'file'],
    ['the environment over the file', { file, environment }, 2, 'environment'],
    ['a flag over everything', { file, environment, flags }, 3, 'flag'],
  ])('%s', (_name, sources, value, origin) => {
    const configuration = resolve(sources);
    expect(configuration.whole('listen.port')).toBe(value);
    expect(configuration.settings.get('listen.port')?.origin).toBe(origin);
  });
});

test.each([
  ['store.accessKeyId', 'STELE_STORE__ACCESS_KEY_ID'],
  ['ledger', 'STELE_LEDGER'],
])('%s is %s in the environment', (key, name) => {
  expect(environmentName(key)).toBe(name);
});

describe('what is refused', () => {
  test.each([
    [
      'an unknown key of the file, with a suggestion',
      { file: 'stoer:\n  kind: s3\n' },
      'unknown setting stoer.kind, did you mean store.kind?',
    ],
    [
      'an unknown flag',
      { flags: { 'listen.prot': '1' } },
      'unknown setting listen.prot, did you mean listen.port?',
    ],
    [
      'an unknown variable of ours',
      { environment: { STELE_LEDGR: 'x' } },
      'unknown setting STELE_LEDGR, did you mean STELE_LEDGER?',
    ],
    [
      'a value of the wrong kind',
      { flags: { 'store.kind': 'ftp' } },
      'store.kind from the flag is "ftp", want one of file, s3, memory',
    ],
    [
      'a number out of range',
      { environment: { STELE_LISTEN__PORT: '70000' } },
      'listen.port from the environment is "70000", want a whole number from 0 to 65535',
    ],
    ['no number', { flags: { 'listen.port': '' } }, 'listen.port from the flag is "", want'],
    [
      'another word than yes or no',
      { flags: { 'gateway.metrics': 'yes' } },
      'gateway.metrics from the flag is "yes", want true or false',
    ],
    ['a key given twice', { file: 'ledger: a\nledger: b\n' }, 'not YAML'],
    ['an alias', { file: 'ledger: &a demo\norigin: *a\n' }, 'not YAML'],
  ])('%s', (_name, sources, message) => {
    expect(faultOf(sources)).toContain(message);
  });

  test('every fault is reported at once, and no secret is shown', () => {
    const message = faultOf({
      flags: { 'store.kind': 'ftp', 'listen.port': 'x' },
      file: 'store:\n  secretAccessKey: [hunter2]\n',
    });
    expect(message).toContain('store.kind');
    expect(message).toContain('listen.port');
    expect(message).toContain('store.secretAccessKey from the file is (hidden)');
    expect(message).not.toContain('hunter2');
  });
});

test('variables of others are none of our business', () => {
  expect(resolve({ environment: { PATH: '/bin' } }).text('ledger')).toBe('demo');
});
