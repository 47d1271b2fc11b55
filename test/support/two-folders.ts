/** The folders of two gateways over the store of the first, and `stele` as their operator types it, in this process. */
import { afterEach, beforeAll, beforeEach, jest } from '@jest/globals';
import { join } from 'node:path';
import { composeGateway } from '../../src/cli/open/gateway.ts';
import type { Composition } from '../../src/cli/open/gateway.ts';
import { createProgram } from '../../src/cli/program.ts';
import { resolveConfiguration } from '../../src/cli/settings/configuration.ts';
import { tempFolder } from './temp-folder.ts';

/** What the tests of two gateways share; its folders are there once the tests run. */
export class TwoFolders {
  one = '';
  two = '';
  readonly #settings: Readonly<Record<string, string>>;
  #said = '';

  /** Called where tests are declared. @param settings - Of both gateways, beside folders, log and port. */
  constructor(settings: Readonly<Record<string, string>> = {}) {
    this.#settings = settings;
    beforeAll(async () => {
      [this.one, this.two] = [await tempFolder(), await tempFolder()];
    });
    beforeEach(() => {
      jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
        this.#said += String(text);
        return true;
      });
      jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    });
    afterEach(() => {
      jest.restoreAllMocks();
      process.exitCode = undefined;
    });
  }

  get store(): string {
    return join(this.one, 'demo', 'store');
  }

  /** Runs a command with the settings of a folder. @returns what it printed */
  async stele(folder: string, ...words: string[]): Promise<string> {
    this.#said = '';
    const set = Object.entries(this.#flags(folder)).flatMap(([key, value]) => [
      '--set',
      `${key}=${value}`,
    ]);
    await createProgram().parseAsync(['node', 'stele', ...words, ...set]);
    return this.#said.trim();
  }

  /** A gateway on a folder, which whoever asked for it closes. Ready once its ledger is. */
  async compose(folder: string): Promise<Composition> {
    return composeGateway(resolveConfiguration({ flags: this.#flags(folder), environment: {} }));
  }

  #flags(folder: string): Record<string, string> {
    return {
      data: folder,
      'store.path': this.store,
      'log.level': 'silent',
      'listen.port': '0',
      ...this.#settings,
    };
  }
}
