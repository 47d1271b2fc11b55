/** A gateway as it is composed, over a file store, with people who write and approve policies. Not a test. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { packTar } from 'modern-tar';
import { composeGateway } from '../../src/cli/open/gateway.ts';
import type { Composition } from '../../src/cli/open/gateway.ts';
import { resolveConfiguration } from '../../src/cli/settings/configuration.ts';
import type { Configuration } from '../../src/cli/settings/configuration.ts';
import { foundLedger } from '../../src/cli/founding.ts';
import { homeOf } from '../../src/cli/open/home.ts';
import { addCaller } from '../../src/cli/key/keygen.ts';
import { openExecutable } from '../../src/cli/open/executable.ts';
import { openDefaultPolicy, stageArchived } from '../../src/cli/open/policy.ts';
import { openStore } from '../../src/cli/open/store.ts';
import { makeApproval } from '../../src/core/ledger/approval.ts';
import type { Approval } from '../../src/core/ledger/approval.ts';
import type { Genesis } from '../../src/core/ledger/genesis.ts';
import type { JwsSigner } from '../../src/core/json/jws.ts';
import { makeCertificate } from '../../src/core/ledger/statement.ts';
import type { Statement } from '../../src/core/ledger/statement.ts';
import { signBundleFiles } from '../../src/keys/bundle-signatures.ts';
import { generateKey, loadKey } from '../../src/keys/key-files.ts';
import type { PrivateKey } from '../../src/keys/key-files.ts';
import { jwsSigner } from '../../src/keys/signers.ts';
import { fsck } from '../../src/ledger/fsck/fsck.ts';
import type { FsckReport } from '../../src/ledger/fsck/fsck.ts';
import { unpackBundle } from '../../src/policy/bundle/bundle.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';

const DEFAULT_BUNDLE = 'bundles/default/bundle.tar.gz';
const HOUR_MS = 3_600_000;

/** Files of a bundle by name. */
export type Files = Map<string, Uint8Array>;

/** Somebody with a key, and what the root says about it. */
export interface Person {
  readonly person: string;
  readonly key: PrivateKey;
  readonly signer: JwsSigner;
  readonly cert: Statement;
}

/** A bundle with what names it. */
export interface Bundle {
  readonly archive: Uint8Array;
  readonly id: string;
  readonly digest: string;
  readonly revision: string | null;
}

/** What is sent to the gateway. */
export type Activation = Record<string, unknown>;

/** Packs files as `opa build` does. */
export async function packBundle(files: ReadonlyMap<string, Uint8Array>): Promise<Uint8Array> {
  const entries = [...files].map(([name, body]) => ({
    header: { name: `/${name}`, size: body.length, type: 'file' as const, mtime: new Date(0) },
    body,
  }));
  return new Uint8Array(gzipSync(await packTar(entries)));
}

type Parts = Pick<
  PolicyWorld,
  'folder' | 'configuration' | 'store' | 'genesis' | 'vkey' | 'root' | 'keys' | 'gateway' | 'author'
>;

/** See above. */
export class PolicyWorld {
  readonly folder: string;
  readonly configuration: Configuration;
  readonly store: ObjectStore;
  readonly genesis: Genesis;
  readonly vkey: string;
  readonly root: JwsSigner;
  readonly keys: Readonly<Record<'admin' | 'auditor' | 'guest' | 'service', string>>;
  /** Writes every bundle of which nothing else is said. */
  readonly author: Person;
  gateway: Composition;

  private constructor(parts: Parts) {
    this.folder = parts.folder;
    this.configuration = parts.configuration;
    this.store = parts.store;
    this.genesis = parts.genesis;
    this.vkey = parts.vkey;
    this.root = parts.root;
    this.keys = parts.keys;
    this.author = parts.author;
    this.gateway = parts.gateway;
  }

  static async open(settings: Record<string, string> = {}): Promise<PolicyWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'stele-policies-'));
    const flags = {
      data: folder,
      'listen.port': '0',
      'log.level': 'silent',
      'policy.deadlineMs': '1000',
      'sealing.intervalMs': '5',
      ...settings,
    };
    const configuration = resolveConfiguration({ flags, environment: {} });
    const store = await openStore(configuration);
    const { genesis, vkey } = await foundLedger(configuration, store, await openDefaultPolicy());
    const home = homeOf(configuration);
    const root = jwsSigner(await loadKey(home.rootKey));
    const add = async (role: string): Promise<string> =>
      addCaller(home.apiKeys, { id: role, type: 'service', roles: [role] });
    const keys = {
      admin: await add('admin'),
      auditor: await add('auditor'),
      guest: await add('guest'),
      service: await add('service'),
    };
    const gateway = await composeGateway(configuration);
    await gateway.ledger.ready();
    const author = await certified('wil', 'author', genesis, root);
    const parts = { folder, configuration, store, genesis, vkey, root, keys, gateway, author };
    return new PolicyWorld(parts);
  }

  /** Somebody whom the root certifies. */
  async person(person: string, use: 'approver' | 'author' = 'approver'): Promise<Person> {
    return certified(person, use, this.genesis, this.root);
  }

  /** The default policy under another name, changed and signed as told; null: by nobody. */
  async bundle(
    name: string,
    change: (files: Files) => void = () => undefined,
    author: PrivateKey | null = this.author.key,
  ): Promise<Bundle> {
    const files: Files = new Map(await unpackBundle(readFileSync(DEFAULT_BUNDLE)));
    const data = JSON.parse(Buffer.from(files.get('data.json')!).toString()) as {
      settings: { class_of_source: Record<string, string> };
    };
    data.settings.class_of_source = { [name]: 'standard' };
    files.set('data.json', new Uint8Array(Buffer.from(JSON.stringify(data))));
    change(files);
    if (author !== null) files.set('.signatures.json', await signBundleFiles(files, author));
    return this.named(await packBundle(files));
  }

  /** What names a bundle. */
  async named(archive: Uint8Array): Promise<Bundle> {
    const { prepared, digest, revision } = await stageArchived(archive);
    return { archive, id: prepared.identity.id, digest, revision };
  }

  /** The policy in charge. */
  get active(): string {
    return this.gateway.ledger.policy().active!.id;
  }

  async approve(
    { person, signer }: Pick<Person, 'person' | 'signer'>,
    { id, digest }: Pick<Bundle, 'id' | 'digest'>,
    changes: Partial<Approval> = {},
  ): Promise<string> {
    const fields: Approval = {
      ...{ v: 1, gen: this.genesis.gen, id, digest, previous: this.active },
      ...{ change: 'update', expiry: Date.now() + HOUR_MS, person },
      ...changes,
    };
    return makeApproval(fields, signer);
  }

  /** What activates a bundle, approved by people. */
  async request(
    bundle: Bundle,
    people: readonly Person[],
    changes: Partial<Approval> = {},
  ): Promise<Activation> {
    return {
      bundle: Buffer.from(bundle.archive).toString('base64'),
      approvals: await Promise.all(people.map(async (one) => this.approve(one, bundle, changes))),
      certificates: [...people, this.author].map(({ cert }) => cert),
      ...(changes.change === undefined ? {} : { change: changes.change }),
    };
  }

  async activate(
    body: Activation,
    key = this.keys.admin,
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    return this.post('policy', body, key);
  }

  async post(
    path: string,
    body: unknown,
    key: string = this.keys.service,
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await fetch(`${this.gateway.url}/v1/ledgers/demo/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  /** Stops the gateway and starts it again on the same folder. */
  async restart(): Promise<void> {
    await this.gateway.close();
    this.gateway = await composeGateway(this.configuration);
    await this.gateway.ledger.ready();
  }

  async check(): Promise<FsckReport> {
    const options = { now: Date.now(), vkeys: [this.vkey], policies: openExecutable };
    return fsck(this.store, 'demo', options);
  }

  async close(): Promise<void> {
    await this.gateway.close();
    await this.store.close();
    await rm(this.folder, { recursive: true });
  }
}

async function certified(
  person: string,
  use: 'approver' | 'author',
  { gen }: Genesis,
  root: JwsSigner,
): Promise<Person> {
  const key = generateKey();
  const signer = jwsSigner(key);
  const fields = { gen, use, jwk: signer.jwk, person };
  return { person, key, signer, cert: await makeCertificate(fields, [root]) };
}
