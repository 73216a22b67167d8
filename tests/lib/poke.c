/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poke: a store of bytes into a file through a shared memory mapping.
 *   poke FILE OFFSET TEXT             maps, stores, unmaps
 *   poke --hold FILE OFFSET TEXT      makes the page dirty with what it holds already, prints
 *                                     "held", and stores TEXT when standard input ends
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const char *what)
{
	perror(what);
	return 1;
}

int main(int argc, char **argv)
{
	const int hold = argc > 1 && strcmp(argv[1], "--hold") == 0;
	if (argc != 4 + hold)
		return fputs("usage: poke [--hold] FILE OFFSET TEXT\n", stderr), 2;
	const char *file = argv[1 + hold];
	const size_t offset = strtoul(argv[2 + hold], NULL, 10);
	const char *text = argv[3 + hold];

	const int fd = open(file, O_RDWR | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0)
		return fail(file);
	const size_t size = (size_t)st.st_size;
	if (offset > size || strlen(text) > size - offset)
		return fputs("poke: beyond the end of the file\n", stderr), 2;
	volatile char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return fail("mmap");

	if (hold) {
		map[offset] = map[offset];
		puts("held");
		fflush(stdout);
		char c;
		while (read(STDIN_FILENO, &c, 1) > 0)
			continue;
	}
	for (size_t i = 0; text[i] != '\0'; i++)
		map[offset + i] = text[i];
	return 0;
}
