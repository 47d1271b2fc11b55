/** The bounded reader of OPA bundles: a gzipped tar with a module, its data and a manifest, and nothing unforeseen. */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { unpackTar } from 'modern-tar';
import { canonicalJson } from '../../core/json/canonical-json.ts';
import { sha256Base64Url } from '#platform';
import { isJsonObject } from '../../core/json/json-pointer.ts';
import { parseStrictJson } from '../../core/json/strict-json.ts';
import type { JsonObject, JsonValue } from '../../core/json/strict-json.ts';
import { utf8Text } from '../../core/platform/bytes.ts';
import { z } from 'zod';
import { BundleError } from '../contract/policy-error.ts';

/** Bounds of an archive; a bundle comes from outside. */
export interface BundleLimits {
  /** Bytes of the archive as it is. */
  readonly packedBytes: number;
  /** Bytes of the tar inside. */
  readonly unpackedBytes: number;
  /** Entries of the tar. */
  readonly files: number;
}

/** Ten times what the default policy needs, and far below what would hurt. */
export const DEFAULT_BUNDLE_LIMITS: BundleLimits = {
  packedBytes: 16 * 1024 * 1024,
  unpackedBytes: 64 * 1024 * 1024,
  files: 512,
};

const DATA_DEPTH = 64;
const DATA_MEMBERS = 2_000_000;
const NAME = /^\/?(?:[\w.-]+\/)*[\w.-]+$/;
const MODULE = 'policy.wasm';
const MANIFEST = '.manifest';
const DATA = 'data.json';
/** What OPA gives a meaning: data, manifests, plans and signatures, wherever they stand. */
const MEANINGFUL =
  /(?:^|\/)(?:data\.(?:json|ya?ml)|plan\.(?:json|pb)|\.signatures\.json)$|\.manifest(?:\.pb)?$/;
/** Where the reader looks for those, and for no other. */
const OWN_PLACE = new Set([DATA, MANIFEST, '.signatures.json']);
const inflate = promisify(gunzip);

/** The parts of `.manifest` that decide what is evaluated; OPA's other members are kept and hashed. */
const manifestSchema = z.looseObject({
  revision: z.string().max(256).optional(),
  roots: z.array(z.string()).optional(),
  wasm: z.array(z.looseObject({ entrypoint: z.string(), module: z.string() })).min(1),
});

/** A bundle read and checked for form. Whether it may decide is for the engine, the signatures and the approvals. */
export interface PolicyBundle {
  readonly revision: string;
  /** Entrypoints that the manifest promises, ascending. */
  readonly entrypoints: readonly string[];
  readonly wasm: Uint8Array;
  /** The base document as RFC 8785 text. */
  readonly data: string;
  readonly manifest: JsonObject;
  /** SHA-256 of the archive, base64url: transport, not identity. */
  readonly sha256: string;
  /** Every file by its name without the leading slash. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/**
 * Reads a bundle archive, whoever made it.
 *
 * @param archive - `bundle.tar.gz` as `opa build -t wasm` makes it.
 * @throws {@link BundleError}, as {@link unpackBundle} and {@link parseBundle} do.
 */
export async function readBundle(
  archive: Uint8Array,
  limits: BundleLimits = DEFAULT_BUNDLE_LIMITS,
): Promise<PolicyBundle> {
  return parseBundle(archive, await unpackBundle(archive, limits));
}

/**
 * Says what a bundle's files are. Delta bundles are refused: they carry no signature.
 *
 * @param files - Of {@link unpackBundle}.
 * @throws {@link BundleError} unless there is one module, and a manifest that names it; `bundle_delta`.
 */
export function parseBundle(
  archive: Uint8Array,
  files: ReadonlyMap<string, Uint8Array>,
): PolicyBundle {
  const names = [...files.keys()];
  refuseDelta(files);
  const manifest = parseManifest(parseJsonFile(files, MANIFEST));
  const stray = names.find((name) => MEANINGFUL.test(name) && !OWN_PLACE.has(name));
  if (stray !== undefined) {
    throw new BundleError(`bundle holds ${stray}, which OPA would read and the engine does not`);
  }
  const modules = names.filter((name) => name.endsWith('.wasm'));
  const wasm = files.get(MODULE);
  if (wasm === undefined || modules.length !== 1)
    throw new BundleError('bundle has not one module');
  return {
    revision: manifest.revision,
    entrypoints: manifest.entrypoints,
    wasm,
    data: canonicalJson(files.has(DATA) ? parseJsonFile(files, DATA) : {}),
    manifest: manifest.all,
    sha256: sha256Base64Url(archive),
    files,
  };
}

/** A delta carries no signature, so it is named as what it is before one is missed. @throws {@link BundleError} */
export function refuseDelta(files: ReadonlyMap<string, Uint8Array>): void {
  for (const name of files.keys()) {
    if (!/(?:^|\/)patch\.json$/.test(name)) continue;
    throw new BundleError('bundle is a delta', undefined, 'bundle_delta');
  }
}

/**
 * Unpacks a bundle archive, off this thread as far as it can be.
 *
 * @returns its files by name, without the leading slash.
 * @throws {@link BundleError} for anything but plain files of sane, single names within the limits.
 */
export async function unpackBundle(
  archive: Uint8Array,
  limits: BundleLimits = DEFAULT_BUNDLE_LIMITS,
): Promise<Map<string, Uint8Array>> {
  if (archive.length > limits.packedBytes) {
    throw new BundleError(`bundle is ${archive.length} bytes, at most ${limits.packedBytes}`);
  }
  const entries = await unpack(archive, limits);
  const files = new Map<string, Uint8Array>();
  for (const { header, data } of entries) {
    const type = header.type ?? 'file';
    if (type === 'directory') continue;
    if (type !== 'file') throw new BundleError(`bundle holds a ${type}`);
    if (!NAME.test(header.name) || header.name.split('/').includes('..')) {
      throw new BundleError('bundle holds a file of an unsafe name');
    }
    const name = header.name.replace(/^\//, '');
    if (files.has(name)) throw new BundleError(`bundle holds ${name} twice`);
    if (data?.length !== header.size) throw new BundleError(`bundle ends inside ${name}`);
    files.set(name, data);
  }
  return files;
}

async function unpack(archive: Uint8Array, limits: BundleLimits) {
  let seen = 0;
  try {
    const tar = await inflate(archive, { maxOutputLength: limits.unpackedBytes });
    return await unpackTar(new Uint8Array(tar), {
      strict: true,
      filter: () => {
        if (++seen > limits.files) throw new Error(`more than ${limits.files} files`);
        return true;
      },
    });
  } catch (cause) {
    throw new BundleError('bundle is not a gzipped tar within its limits', cause);
  }
}

function parseJsonFile(files: ReadonlyMap<string, Uint8Array>, name: string): JsonObject {
  const bytes = files.get(name);
  if (bytes === undefined) throw new BundleError(`bundle has no ${name}`);
  let value: JsonValue;
  try {
    value = parseStrictJson(utf8Text(bytes), {
      bytes: bytes.length,
      depth: DATA_DEPTH,
      members: DATA_MEMBERS,
      stringLength: bytes.length,
    });
  } catch (cause) {
    throw new BundleError(`bundle's ${name} is not strict JSON`, cause);
  }
  if (!isJsonObject(value)) throw new BundleError(`bundle's ${name} is not an object`);
  return value;
}

function parseManifest(all: JsonObject) {
  const parsed = manifestSchema.safeParse(all);
  if (!parsed.success)
    throw new BundleError("bundle's manifest is not of its schema", parsed.error);
  const { revision, wasm } = parsed.data;
  if (wasm.some(({ module }) => module.replace(/^\//, '') !== MODULE)) {
    throw new BundleError("bundle's manifest names another module");
  }
  const entrypoints = wasm.map(({ entrypoint }) => entrypoint).sort();
  if (new Set(entrypoints).size !== entrypoints.length) {
    throw new BundleError("bundle's manifest names an entrypoint twice");
  }
  return { all, revision: revision ?? '', entrypoints };
}
