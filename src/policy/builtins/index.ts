/** Every host function of this engine, by its name in Rego. */
import type { HostBuiltin } from './builtin.ts';
import { OBJECTS } from './objects.ts';
import { STRINGS } from './strings.ts';

/** The table. What is not compiled into a module and not here is refused before a policy is built. */
export const HOST_BUILTINS: ReadonlyMap<string, HostBuiltin> = new Map([...STRINGS, ...OBJECTS]);
