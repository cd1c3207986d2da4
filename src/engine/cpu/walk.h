/* The forward pass's own parts, which forward.c and mixture.c share. */
#ifndef ENGINE_CPU_WALK_H
#define ENGINE_CPU_WALK_H

#include "engine/cpu/internal.h"

/* The rows that a product multiplies, in the form that its matrix was packed for. */
typedef struct cpu_operand {
    const void *numbers; /* stride in numbers */
    size_t stride;
    int8_rows int8; /* instead, where the matrix is int8 */
} cpu_operand;

typedef struct cpu_product {
    const cpu_matrix *matrix;
    cpu_operand input;
    size_t rows;
    kernel_activation activation;
    int8_form form;
    bool gated; /* to numbers, through the worker's own state->gated */
    /* f32 or numbers, output_stride apart; INT8_TO_INT8 goes to the state's intermediate_int8 */
    void *output;
    size_t output_stride;
} cpu_product;

/* Rows of f32 or numbers that a matrix takes in another form. */
typedef struct cpu_preparation {
    const cpu_matrix *matrix;
    kernel_number number; /* of the rows */
    const void *rows;
    size_t stride;
    int8_rows int8; /* where the matrix is int8, else: */
    void *numbers;  /* context_stride apart */
} cpu_preparation;

/* The state of one worker in a pass. All workers of a team go through the same phases; batch and buffers are the
 * leader's, scratch is the worker's own. Everything that decides which phases there are, and of how many chunks, is
 * copied here: a mate may still be inside when the pass is over and the leader fills batch and buffers for the next
 * one. Only the work on chunks touches these, and the leader waits for that. */
typedef struct cpu_walk {
    team_member member;
    const cpu_device *device;
    const cpu_state *state, *own;
    device_batch batch;
    size_t rows;
    cpu_sharing sharing;
    /* What the phase at hand does. */
    cpu_product product;
    kernel_norm norm;
    /* Before w->norm: of what that adds to the residual stream, with pre-norm alone, else of the sum of both, to which the stream is added
     * once more. NULL = none */
    const cpu_norm *inner;
    cpu_preparation preparation;
    const cpu_layer *layer;
    model_reach reach;
    size_t first_row, block_rows; /* of the block at hand */
    const cpu_observer *observer; /* NULL = nobody looks on */
} cpu_walk;

/* Row `row` of a matrix of numbers. */
static inline void *cpu_row_of(const cpu_walk *w, void *rows, size_t row, size_t stride)
{
    return (unsigned char *)rows + row * stride * cpu_number_size(w->device);
}

static inline int8_rows cpu_int8_from(int8_rows rows, size_t first)
{
    rows.values += first * rows.stride;
    rows.scales += first * rows.scale_stride;
    return rows;
}

/* True where rows of that number can be multiplied by the matrix as they are. */
static inline bool cpu_takes(const cpu_walk *w, const cpu_matrix *matrix, kernel_number number)
{
    return !matrix->int8 && number == w->device->linear->number;
}

/* Rows first .. first + count - 1 of w->preparation. */
void cpu_prepare_rows(const cpu_walk *w, size_t first, size_t count);
/* Outputs column .. column + columns - 1 of w->product, in that form; column is a column step. */
void cpu_multiply_part(const cpu_walk *w, size_t column, size_t columns, int8_form form,
                       kernel_activation activation, void *output, size_t output_stride);
/* Of a mixture of experts: from rows of the residual stream to state->projected. False: see team_phase. */
bool cpu_mix_experts(cpu_walk *w, size_t first, size_t rows);

#endif
