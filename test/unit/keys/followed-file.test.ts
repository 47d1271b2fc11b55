import { execSync } from 'node:child_process';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { FollowedFile, followFiles } from '../../../src/keys/followed-file.ts';
import { tempFolder } from '../../support/temp-folder.ts';

afterEach(() => {
  jest.useRealTimers();
});

function fileAt(path: string): FollowedFile<number> {
  return new FollowedFile('numbers', path, (text) => {
    const value = Number(text);
    if (Number.isNaN(value)) throw new Error('no number');
    return value;
  });
}

describe('a followed file', () => {
  test('is read again when it was written or replaced, and not otherwise', async () => {
    const path = join(await tempFolder(), 'file');
    await writeFile(path, '1');
    const file = fileAt(path);
    await file.open();
    expect(file.value).toBe(1);
    expect(await file.look()).toBe(false);
    await writeFile(path, '22');
    expect(await file.look()).toBe(true);
    expect(file.value).toBe(22);
    await writeFile(`${path}.draft`, '33');
    await rename(`${path}.draft`, path);
    expect(await file.look()).toBe(true);
    expect(file.value).toBe(33);
  });

  test('that is broken or gone keeps what it had and says so, once, until it is well again', async () => {
    const path = join(await tempFolder(), 'file');
    await writeFile(path, '1');
    const file = fileAt(path);
    await file.open();
    await writeFile(path, 'one');
    expect([await file.look(), file.value, file.fault]).toEqual([true, 1, 'no number']);
    await writeFile(path, 'still one');
    expect([await file.look(), file.value, file.fault]).toEqual([false, 1, 'no number']);
    await rm(path);
    expect([await file.look(), file.value]).toEqual([true, 1]);
    expect(file.fault).toContain('is gone');
    await writeFile(path, '2');
    expect([await file.look(), file.value, file.fault]).toEqual([true, 2, null]);
  });

  test.each(['mkfifo', 'ln -s /dev/zero', 'mkdir'])(
    'in whose place somebody puts what is no file (%s) keeps what it had, and says so',
    async (command) => {
      const path = join(await tempFolder(), 'file');
      await writeFile(path, '1');
      const file = fileAt(path);
      await file.open();
      await rm(path);
      execSync(`${command} ${path}`);
      expect([await file.look(), file.value]).toEqual([true, 1]);
      expect(file.fault).toContain('is no file');
    },
  );

  test('may come later, but not broken from the start', async () => {
    const path = join(await tempFolder(), 'file');
    const file = fileAt(path);
    await file.open();
    expect([file.value, await file.look(), file.fault]).toEqual([null, false, null]);
    await writeFile(path, '1');
    expect([await file.look(), file.value]).toEqual([true, 1]);
    await writeFile(path, 'one');
    await expect(fileAt(path).open()).rejects.toThrow('no number');
  });

  test('is looked at every two seconds until that is stopped, and what changed is logged', async () => {
    jest.useFakeTimers();
    const looks = [true, false, true];
    const faults = [null, null, 'broken'];
    let at = -1;
    const file = {
      name: 'numbers',
      look: async () => Promise.resolve(looks[++at] ?? false),
      get fault() {
        return faults[at] ?? null;
      },
    } as unknown as FollowedFile<unknown>;
    const logged: unknown[] = [];
    let changes = 0;
    const note = (event: string, fields?: object): void => void logged.push({ event, ...fields });
    const following = followFiles([file], () => (changes += 1), { info: note, warn: note });
    await jest.advanceTimersByTimeAsync(6_000);
    expect(changes).toBe(1);
    expect(logged).toEqual([
      { event: 'caller_keys_read', file: 'numbers' },
      { event: 'caller_keys_kept', file: 'numbers', fault: 'broken' },
    ]);
    following.stop();
    await jest.advanceTimersByTimeAsync(6_000);
    expect(at).toBe(2);
  });
});
