/* Template: the code of a block for each shape and activation. Include after a file's own finish (what a block leaves to be
 * done), finish_rows (does it) and run_block (a block of products, the one before finished in between). */
#ifndef KERNELS_AMX_VARIANTS_H
#define KERNELS_AMX_VARIANTS_H

#include "kernels/kernels.h"
#include "kernels/x86/amx_block.h"

/* The variants of a block, and what remains when there is no next one; one set per activation. */
typedef struct variants {
    void (*rows_pass)(const amx_block *b, const finish *before);
    void (*panels_pass)(const amx_block *b, const finish *before);
    void (*two_panels)(const amx_block *b, const finish *before);
    void (*one_panel)(const amx_block *b, const finish *before);
    void (*finish_last)(const finish *before);
} variants;

#define VARIANTS(name, activation)                                                                           \
    static void name##_rows_pass(const amx_block *b, const finish *before)                                   \
    {                                                                                                        \
        run_block(b, before, AMX_TWO_ROW_TILES, AMX_ROWS_PASS, activation);                                  \
    }                                                                                                        \
    static void name##_panels_pass(const amx_block *b, const finish *before)                                 \
    {                                                                                                        \
        run_block(b, before, AMX_TWO_ROW_TILES, AMX_PANELS_PASS, activation);                                \
    }                                                                                                        \
    static void name##_two_panels(const amx_block *b, const finish *before)                                  \
    {                                                                                                        \
        run_block(b, before, AMX_TWO_PANELS, AMX_PANELS_PASS, activation);                                   \
    }                                                                                                        \
    static void name##_one_panel(const amx_block *b, const finish *before)                                   \
    {                                                                                                        \
        run_block(b, before, AMX_ONE_HALF, AMX_PANELS_PASS, activation);                                     \
    }                                                                                                        \
    static void name##_finish_last(const finish *before)                                                     \
    {                                                                                                        \
        const finish f = *before;                                                                            \
        finish_rows(&f, 0, f.rows, activation);                                                              \
    }                                                                                                        \
    static const variants name = {                                                                           \
        name##_rows_pass, name##_panels_pass, name##_two_panels, name##_one_panel, name##_finish_last,       \
    };

VARIANTS(identity, KERNEL_IDENTITY)
VARIANTS(gelu_erf, KERNEL_GELU_ERF)
VARIANTS(gelu_tanh, KERNEL_GELU_TANH)
VARIANTS(relu, KERNEL_RELU)
VARIANTS(silu, KERNEL_SILU)

static const variants *variants_of(kernel_activation activation)
{
    switch (activation) {
    case KERNEL_GELU_ERF:
        return &gelu_erf;
    case KERNEL_GELU_TANH:
        return &gelu_tanh;
    case KERNEL_RELU:
        return &relu;
    case KERNEL_SILU:
        return &silu;
    case KERNEL_IDENTITY:
        break;
    }
    return &identity;
}

#endif
