/** A unified diff of two texts, for people: small files, so the plain table of common lines will do. */

/** Lines around a change that are shown. */
const CONTEXT = 3;

type Edit = readonly [sign: ' ' | '-' | '+', line: string];

/** @returns the hunks with `---` and `+++` lines; empty where nothing differs. */
export function unifiedDiff(name: string, before: string, after: string): string {
  const edits = editsOf(linesOf(before), linesOf(after));
  const isShown = edits.map((_, index) =>
    edits.slice(Math.max(0, index - CONTEXT), index + CONTEXT + 1).some(([sign]) => sign !== ' '),
  );
  const lines: string[] = [];
  let [old, fresh] = [1, 1];
  let hunk: { start: string; lines: string[]; old: number; fresh: number } | null = null;
  const flush = (): void => {
    if (hunk === null) return;
    lines.push(`@@ -${hunk.start.replace('+', `,${hunk.old} +`)},${hunk.fresh} @@`, ...hunk.lines);
    hunk = null;
  };
  edits.forEach(([sign, line], index) => {
    if (isShown[index] === true) {
      hunk ??= { start: `${old}+${fresh}`, lines: [], old: 0, fresh: 0 };
      hunk.lines.push(`${sign}${line}`);
      if (sign !== '+') hunk.old++;
      if (sign !== '-') hunk.fresh++;
    } else {
      flush();
    }
    if (sign !== '+') old++;
    if (sign !== '-') fresh++;
  });
  flush();
  return lines.length === 0 ? '' : [`--- ${name}`, `+++ ${name}`, ...lines].join('\n');
}

function linesOf(text: string): string[] {
  return text.replace(/\n$/, '').split('\n');
}

function editsOf(before: readonly string[], after: readonly string[]): Edit[] {
  const common = commonLengths(before, after);
  const edits: Edit[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [left, right] = [before[i], after[j]];
    if (left !== undefined && left === right) {
      edits.push([' ', left]);
      [i, j] = [i + 1, j + 1];
    } else if (
      left !== undefined &&
      (right === undefined || at(common, i + 1, j) >= at(common, i, j + 1))
    ) {
      edits.push(['-', left]);
      i++;
    } else {
      edits.push(['+', right ?? '']);
      j++;
    }
  }
  return edits;
}

/** Length of the longest common subsequence of the tails from line i and line j. */
function commonLengths(before: readonly string[], after: readonly string[]): Uint32Array[] {
  const table = Array.from({ length: before.length + 1 }, () => new Uint32Array(after.length + 1));
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      const row = table[i] as Uint32Array;
      row[j] =
        before[i] === after[j]
          ? at(table, i + 1, j + 1) + 1
          : Math.max(at(table, i + 1, j), at(table, i, j + 1));
    }
  }
  return table;
}

function at(table: readonly Uint32Array[], i: number, j: number): number {
  return table[i]?.[j] ?? 0;
}
