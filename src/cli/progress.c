/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c: one line on a terminal: layers, files, bytes, rate, time left. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/report.h"

static struct {
	struct progress *counters;
	const char *doing;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool running, stop;
	struct timespec start;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) +
	       (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void draw(void)
{
	uint64_t layers = atomic_load(&state.counters->layers_done);
	uint64_t total = atomic_load(&state.counters->layers_total);
	uint64_t files = atomic_load(&state.counters->files_done);
	uint64_t bytes = atomic_load(&state.counters->bytes_done);
	double elapsed = seconds_since(&state.start);
	char size[REPORT_SIZE_MAX], rate[REPORT_SIZE_MAX];

	report_size((double)bytes, size);
	report_size(elapsed > 0 ? (double)bytes / elapsed : 0, rate);
	fprintf(stderr,
	    "\r\033[K%s: layer %" PRIu64 " of %" PRIu64 ", %" PRIu64 " files, %s, %s/s",
	    state.doing, layers, total, files, size, rate);
	if (layers > 0 && layers < total)
		fprintf(stderr, ", about %.0f s left",
		    elapsed * (double)(total - layers) / (double)layers);
	fflush(stderr);
}

static void *show(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&state.lock);
	while (!state.stop) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 200000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&state.ended, &state.lock, &until);
		if (!state.stop)
			draw();
	}
	pthread_mutex_unlock(&state.lock);
	fputs("\r\033[K", stderr);
	return NULL;
}

void progress_start(struct progress *p, const char *doing)
{
	if (!isatty(STDERR_FILENO))
		return;
	state.counters = p;
	state.doing = doing;
	state.stop = false;
	clock_gettime(CLOCK_MONOTONIC, &state.start);
	state.running = pthread_create(&state.thread, NULL, show, NULL) == 0;
}

void progress_stop(void)
{
	if (!state.running)
		return;
	pthread_mutex_lock(&state.lock);
	state.stop = true;
	pthread_cond_signal(&state.ended);
	pthread_mutex_unlock(&state.lock);
	pthread_join(state.thread, NULL);
	state.running = false;
}
