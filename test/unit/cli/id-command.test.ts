import { expect, test } from '@jest/globals';
import { IdCommand } from '../../../src/cli/id-command.ts';

const ID = `-${'ClA26t_vIUas-rJRm_clyGnZHOKxoT_n4hps6DAteg'.padEnd(42, 'x')}`;

async function heard(...words: string[]): Promise<unknown> {
  let said: unknown = null;
  const program = new IdCommand('stele')
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  program
    .option('--json')
    .command('key')
    .command('revoke <kid>')
    .option('--reason <text>')
    .action((kid: string, options: object) => {
      said = [kid, options];
    });
  await program.parseAsync(['node', 'stele', ...words]);
  return said;
}

test('an id that begins with a dash is no option, wherever it stands', async () => {
  expect(await heard('key', 'revoke', ID)).toEqual([ID, {}]);
  expect(await heard('key', 'revoke', ID, '--reason', 'lost')).toEqual([ID, { reason: 'lost' }]);
  expect(await heard('key', 'revoke', '--reason', 'lost', ID)).toEqual([ID, { reason: 'lost' }]);
  expect(await heard('key', 'revoke', 'k', '--reason', ID)).toEqual(['k', { reason: ID }]);
  await expect(heard('key', 'revoke', '-x')).rejects.toMatchObject({
    code: 'commander.unknownOption',
  });
});
