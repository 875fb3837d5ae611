// Meant to die: proves that the harness sees a signal in mid-plan.
#include "tap.h"

int main(void)
{
	plan(2);
	ok(1, "about to write through a null pointer");
	*(volatile int *)0 = 1;
	ok(1, "never reached");
	return done();
}
