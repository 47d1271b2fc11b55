/** Every host function of this engine, by its name in Rego. */
import type { HostBuiltin } from './builtin.ts';
import { DIGESTS } from './digests.ts';
import { DOCUMENTS } from './documents.ts';
import { ENCODINGS } from './encodings.ts';
import { MARSHAL } from './marshal.ts';
import { NETWORKS } from './networks.ts';
import { OBJECTS } from './objects.ts';
import { REGEXES } from './regexes.ts';
import { SEMVER } from './semver.ts';
import { SPRINTF } from './sprintf.ts';
import { STRINGS } from './strings.ts';
import { TIMES } from './times.ts';
import { UNITS } from './units.ts';
import { UUIDS } from './uuids.ts';

/** The table. What is not compiled into a module and not here is refused before a policy is built. */
export const HOST_BUILTINS: ReadonlyMap<string, HostBuiltin> = new Map([
  ...DIGESTS,
  ...DOCUMENTS,
  ...ENCODINGS,
  ...MARSHAL,
  ...NETWORKS,
  ...OBJECTS,
  ...REGEXES,
  ...SEMVER,
  ...SPRINTF,
  ...STRINGS,
  ...TIMES,
  ...UNITS,
  ...UUIDS,
]);
