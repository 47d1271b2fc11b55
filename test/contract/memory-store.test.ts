import { MemoryStore } from '../../src/storage/memory-store.ts';
import { objectStoreContract } from './object-store.ts';

objectStoreContract('memory', async () => {
  const store = new MemoryStore({ clock: () => Date.now() });
  return Promise.resolve({
    store,
    other: store,
    racers: 16,
    overMarker: 'creates',
    canOverwrite: true,
    markDeleted: async (key) => {
      store.markDeleted(key);
      return Promise.resolve();
    },
    close: async () => store.close(),
  });
});
