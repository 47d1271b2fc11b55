// The process that dies. `drive.mjs write SUBJECT FOLDER ROUND` prints one line for each acknowledged item until the
// disk is gone; `drive.mjs check SUBJECT FOLDER` reads acknowledged items from its input and prints what is not as it
// was promised. Standard output is a pipe, which Node writes synchronously: a printed line left this process.
import { readFileSync, writeSync } from 'node:fs';
import { subjects } from './subjects.mjs';

const [mode, name, folder, round] = process.argv.slice(2);
const subject = subjects[name];
if (mode === 'write') {
  await subject.write(folder, round, (item) => writeSync(1, `${item}\n`));
} else {
  const acknowledged = readFileSync(0, 'utf8').split('\n').filter(Boolean);
  console.log(JSON.stringify(await subject.check(folder, acknowledged)));
}
