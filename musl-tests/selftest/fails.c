// Meant to fail: proves that the harness sees a `not ok` line.
#include "tap.h"

int main(void)
{
	plan(2);
	ok(1, "this one is fine");
	ok(0, "this one fails on purpose");
	return done();
}
