// Writes of up to PIPE_BUF bytes are never torn, however many write.
#include "helpers.h"

#define WRITERS 4
#define RECORDS 60

int main(void)
{
	plan(3);
	int p[2];
	xpipe(p);
	pid_t pids[WRITERS];
	for (int w = 0; w < WRITERS; w++) {
		pids[w] = xfork();
		if (pids[w] == 0) {
			char rec[PIPE_BUF];
			for (int i = 0; i < RECORDS; i++) {
				// A header with the length, then one letter throughout.
				int len = 16 + (w * 977 + i * 331) % (PIPE_BUF - 15);
				memset(rec, 'a' + w, len);
				snprintf(rec, 16, "%d.%d.%d", w, i, len);
				CHECK(write(p[1], rec, len) == len);
			}
			_exit(0);
		}
	}
	close(p[1]);
	FILE *in = fdopen(p[0], "r");
	int next[WRITERS] = { 0 }, records = 0, torn = 0;
	char rec[PIPE_BUF];
	while (fread(rec, 1, 16, in) == 16) {
		int w, i, len;
		if (sscanf(rec, "%d.%d.%d", &w, &i, &len) != 3 || w < 0 || w >= WRITERS || len < 16 ||
		    len > PIPE_BUF || i != next[w]) {
			torn++;
			break;
		}
		next[w]++;
		records++;
		if (fread(rec + 16, 1, len - 16, in) != (size_t)len - 16)
			torn++;
		for (int k = 16; k < len; k++)
			if (rec[k] != 'a' + w) {
				torn++;
				break;
			}
	}
	is(torn, 0, "no record of %d writers was torn or out of order", WRITERS);
	is(records, WRITERS * RECORDS, "all arrived");
	fclose(in);
	int good = 0;
	for (int w = 0; w < WRITERS; w++)
		good += wait_for(pids[w]) == 0;
	is(good, WRITERS, "all writers were content");
	return done();
}
