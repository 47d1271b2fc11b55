#!/usr/bin/env -S node --max-semi-space-size=32
// Entries live until they are sealed: with 32 MiB for what is young they are mostly gone before the collector copies them.
import { exitCodes } from './exit.ts';
import { explain } from './explain.ts';
import { createProgram } from './program.ts';

// A reader that stops reading (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCodes.ok);
});
try {
  await createProgram().parseAsync(process.argv);
} catch (error) {
  process.exitCode = explain(error, process.argv.includes('--json'));
}
