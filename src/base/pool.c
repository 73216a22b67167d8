/* SPDX-License-Identifier: Apache-2.0 */
/* pool.c: see pool.h. */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

struct task {
	pool_fn *fn;
	void *arg;
};

struct pool {
	pthread_mutex_t lock; /* guards everything below except `threads` */
	pthread_cond_t work;  /* a task was submitted, or `stop` was set */
	pthread_cond_t idle;  /* no task is left or running */
	struct task *stack;
	size_t n, cap;
	unsigned running;    /* tasks being run */
	unsigned limit;	     /* most tasks that may run at once */
	_Atomic bool hungry; /* another task would be run at once */
	bool stop;
	_Atomic bool started;
	unsigned n_threads;
	pthread_t *threads;
};

unsigned pool_online_cpus(void)
{
	cpu_set_t set;
	long n;

	/* What this process may use; a machine with more processors than the set holds fails. */
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	else
		n = sysconf(_SC_NPROCESSORS_ONLN);
	return n < 1 ? 1 : (unsigned)n;
}

static void note_hunger(struct pool *p)
{
	bool hungry = p->running + p->n < p->limit;

	/* Read without the lock, for every directory of a tree: written when it changes. */
	if (hungry != atomic_load_explicit(&p->hungry, memory_order_relaxed))
		atomic_store_explicit(&p->hungry, hungry, memory_order_relaxed);
}

bool pool_is_hungry(const struct pool *p)
{
	return atomic_load_explicit(&p->hungry, memory_order_relaxed);
}

/*
 * Runs tasks until there is none to take; called and left with the lock held. A thread that
 * finishes a task takes the next one before it lets go of the lock, so no task waits for a
 * wakeup while `running` is below `limit`.
 */
static void run_tasks(struct pool *p)
{
	while (p->n && p->running < p->limit) {
		struct task t = p->stack[--p->n];

		p->running++;
		pthread_mutex_unlock(&p->lock);
		t.fn(t.arg);
		pthread_mutex_lock(&p->lock);
		p->running--;
		note_hunger(p);
	}
	if (!p->n && !p->running)
		pthread_cond_broadcast(&p->idle);
}

static void *worker(void *arg)
{
	struct pool *p = arg;

	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		run_tasks(p);
		if (!p->stop)
			pthread_cond_wait(&p->work, &p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

struct pool *pool_new_resting(unsigned threads)
{
	struct pool *p = xcalloc(1, sizeof(*p));

	p->limit = threads ? threads : pool_online_cpus();
	p->hungry = true;
	p->threads = xcalloc(p->limit, sizeof(*p->threads));
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->idle, NULL);
	return p;
}

void pool_start(struct pool *p)
{
	sigset_t all, old;

	if (atomic_exchange(&p->started, true))
		return;
	/* Signals are for the thread that made the pool. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	/* If the system refuses more threads, those there are (and pool_wait()) do the work. */
	while (p->n_threads < p->limit &&
	       pthread_create(&p->threads[p->n_threads], NULL, worker, p) == 0)
		p->n_threads++;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

struct pool *pool_new(unsigned threads)
{
	struct pool *p = pool_new_resting(threads);

	pool_start(p);
	return p;
}

void pool_submit(struct pool *p, pool_fn *fn, void *arg)
{
	pthread_mutex_lock(&p->lock);
	if (p->n == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 64;
		p->stack = xreallocarray(p->stack, p->cap, sizeof(*p->stack));
	}
	p->stack[p->n++] = (struct task){fn, arg};
	note_hunger(p);
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
}

void pool_wait(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	run_tasks(p);
	while (p->n || p->running)
		pthread_cond_wait(&p->idle, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	pool_wait(p);
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n_threads; i++)
		pthread_join(p->threads[i], NULL);
	pthread_cond_destroy(&p->idle);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p->threads);
	free(p->stack);
	free(p);
}
