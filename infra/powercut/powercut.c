/*
 * Cuts the power of one mounted ext4 file system: what reached the device stays, the rest is gone.
 * EXT4_IOC_SHUTDOWN with NOLOGFLUSH stops all writing at once, the file system's own log included.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define EXT4_IOC_SHUTDOWN _IOR('X', 125, uint32_t)
#define NOLOGFLUSH 2

int main(int count, char **words) {
  uint32_t mode = NOLOGFLUSH;
  int folder;
  if (count != 2) {
    fprintf(stderr, "usage: powercut MOUNT\n");
    return 2;
  }
  folder = open(words[1], O_RDONLY | O_DIRECTORY);
  if (folder < 0) {
    perror("open");
    return 1;
  }
  if (ioctl(folder, EXT4_IOC_SHUTDOWN, &mode) < 0) {
    perror("ioctl");
    return 1;
  }
  return 0;
}
