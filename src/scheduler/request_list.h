/* Doubly linked lists of requests, linked in the requests themselves: a request is in one list at most. */
#ifndef SCHEDULER_REQUEST_LIST_H
#define SCHEDULER_REQUEST_LIST_H

#include "scheduler/request.h"

typedef struct request_list {
    scheduler_request *first, *last;
} request_list;

static inline void request_list_push(request_list *list, scheduler_request *request)
{
    request->previous = list->last;
    request->next = NULL;
    if (list->last != NULL)
        list->last->next = request;
    else
        list->first = request;
    list->last = request;
}

static inline void request_list_remove(request_list *list, scheduler_request *request)
{
    if (request->previous != NULL)
        request->previous->next = request->next;
    else
        list->first = request->next;
    if (request->next != NULL)
        request->next->previous = request->previous;
    else
        list->last = request->previous;
    request->previous = request->next = NULL;
}

#endif
