/* The kernels of all-MiniLM-L6-v2's layers with the arguments that a forward pass calls them with, on random data: zeros
 * run faster. Each function measures its cases for one precision of a tier. A program that gets no memory ends. */
#ifndef KERNEL_CASES_H
#define KERNEL_CASES_H

#include "kernel_report.h"
#include "kernels/int8.h"

/* The four products for 1 to 512 rows; weights from one copy ("cache") and from more copies than a cache holds ("memory"), as
 * a pass over all layers meets them. */
void cases_products(kernel_report *report, const kernel_subject *subject, const kernel_precision *precision);

/* One product with each activation and without: what they cost is the difference. */
void cases_activations(kernel_report *report, const kernel_subject *subject,
                       const kernel_precision *precision);

/* All heads of one text, by the families' kinds of attention and the text's length. */
void cases_attention(kernel_report *report, const kernel_subject *subject, const kernel_precision *precision);

/* Residual and norm, and where rows are narrowed to the precision's numbers, that. */
void cases_rows(kernel_report *report, const kernel_subject *subject, const kernel_table *kernels,
                const kernel_precision *precision);

/* The products in int8, and what makes int8 of rows. Attention and norm are those of the precision beside it. */
void cases_int8(kernel_report *report, const kernel_subject *subject, const kernel_int8 *kernels);

/* ---- what the cases share ---- */

#define CASE_ROWS_MOST 512
#define CASE_MEMORY_BYTES ((size_t)48 << 20) /* of weights, more than a cache holds */

typedef struct case_shape {
    const char *name;
    size_t inputs, outputs;
    kernel_activation activation;
    bool narrow_output;
} case_shape;

extern const case_shape case_shapes[]; /* ends with a NULL name */
extern const size_t case_rows[];       /* ends with 0 */

/* What the widest rows of MiniLM are apart: no multiple of 2 KiB, as in a pass. */
size_t case_stride(size_t columns);
float *case_floats(size_t count); /* [count] random, 64-byte aligned; free with mem_free */
void *case_memory(size_t bytes);  /* zeroed, 64-byte aligned; free with mem_free */

#endif
