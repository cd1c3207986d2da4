/* Products with weights by cuBLASLt: y = x W^T, where W is [outputs][inputs] and x has a row per token.
 *
 * The algorithm is chosen once for each shape of weights and serves any number of rows, without splitting the sums over inputs:
 * so a row's result is the same bit for bit whatever the number of rows. */
#ifndef ENGINE_CUDA_PRODUCT_H
#define ENGINE_CUDA_PRODUCT_H

#include "engine/device/device.h"

#include <cublasLt.h>

/* Rows are rounded up to this many: buffers have room for it, and what comes out for the added rows is nobody's. */
#define CUDA_PRODUCT_ROWS ((size_t)64)

typedef struct cuda_product {
    size_t inputs, outputs;
    cudaDataType from, to; /* of x and W; of y */
    cublasLtMatmulDescOpaque_t operation;
    cublasLtMatmulAlgo_t algorithm;
    size_t workspace_bytes;
} cuda_product;

static inline size_t cuda_product_rows(size_t rows)
{
    return (rows + CUDA_PRODUCT_ROWS - 1) / CUDA_PRODUCT_ROWS * CUDA_PRODUCT_ROWS;
}

/* CUBLAS_STATUS_NOT_SUPPORTED: no algorithm serves all numbers of rows. */
cublasStatus_t cuda_product_choose(cuda_product *product, cublasLtHandle_t blas, size_t inputs,
                                   size_t outputs, cudaDataType from, cudaDataType to);

/* x: [rows][inputs], weights: [outputs][inputs], y: [rows][outputs], written; rows from cuda_product_rows. workspace: device memory
 * of the stream's own, [workspace_bytes]. Thread-safe for different streams. */
cublasStatus_t cuda_product_run(const cuda_product *product, cublasLtHandle_t blas, const void *x,
                                const void *weights, void *y, size_t rows, void *workspace,
                                cudaStream_t stream);

#endif
