/** What readers lose beside what a policy's data names: only members of an event, or of its `data`, can be hidden alone. */
import { isJsonObject } from '../../core/json/json-pointer.ts';
import type { JsonValue } from '../../core/json/strict-json.ts';
import type { PolicyFolder } from './folder.ts';

/** Lists of `data.json` that the default policy redacts by. What is masked is taken away exactly. */
const REDACTED = new Set(['personal', 'redact']);
const WITHIN_MEMBER = /^(\/input\/event\/(?:data\/)?(?!data\/)[^/]+)\/./;

/** Members that are hidden as a whole because something inside them is named, as `/input/event/payment`; each once. */
export function hiddenWhole({ files }: PolicyFolder): string[] {
  const text = files.get('data.json');
  if (text === undefined) return [];
  let data: JsonValue;
  try {
    data = JSON.parse(text) as JsonValue;
  } catch {
    // A test or a build tells where it is no JSON.
    return [];
  }
  const roots = redactedBy(data).flatMap((pointer) => WITHIN_MEMBER.exec(pointer)?.[1] ?? []);
  return [...new Set(roots)].sort();
}

function redactedBy(value: JsonValue): string[] {
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([name, member]) => {
    if (!REDACTED.has(name) || !Array.isArray(member)) return redactedBy(member);
    return (member as readonly JsonValue[]).filter((each) => typeof each === 'string');
  });
}
