/*
 * Cuts the power of one process and of the ext4 file system that it writes to: what reached the device stays, the rest
 * is gone.
 *
 * First the processor, then the disk, a few microseconds apart. A sync that is under way while the file system shuts
 * down can report a success that never was (Linux 6.18: in one of 15 cuts of a plain loop of write, fdatasync and
 * print), and a process that still runs would acknowledge it, which no machine without power does. A longer pause
 * between the two would let syncs under way finish and hide the lack of one.
 *
 * EXT4_IOC_SHUTDOWN with NOLOGFLUSH stops all writing at once, the file system's own log included.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define EXT4_IOC_SHUTDOWN _IOR('X', 125, uint32_t)
#define NOLOGFLUSH 2

/* Whether the main thread, the one that acknowledges, is stopped; also when the process has ended. */
static int stopped(int stat) {
  char text[512];
  char *state;
  ssize_t got = pread(stat, text, sizeof text - 1, 0);
  if (got <= 0) return 1;
  text[got] = 0;
  state = strrchr(text, ')');
  return state == NULL || strchr("TZX", state[2]) != NULL;
}

int main(int count, char **words) {
  uint32_t mode = NOLOGFLUSH;
  char path[64];
  int folder, stat;
  if (count != 3) {
    fprintf(stderr, "usage: powercut MOUNT PID\n");
    return 2;
  }
  snprintf(path, sizeof path, "/proc/%d/stat", atoi(words[2]));
  folder = open(words[1], O_RDONLY | O_DIRECTORY);
  stat = open(path, O_RDONLY);
  if (folder < 0 || stat < 0) {
    perror("open");
    return 1;
  }
  if (kill(atoi(words[2]), SIGSTOP) == 0)
    while (!stopped(stat));
  if (ioctl(folder, EXT4_IOC_SHUTDOWN, &mode) < 0) {
    perror("ioctl");
    return 1;
  }
  return 0;
}
