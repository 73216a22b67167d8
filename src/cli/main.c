/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

int main(void)
{
	return EXIT_USAGE;
}
