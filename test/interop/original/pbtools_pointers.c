#include "pbtools.h"

int pbtools_sub_message_alloc(struct pbtools_message_base_t **message_pp,
                              struct pbtools_heap_t *heap_p,
                              size_t sub_message_size,
                              pbtools_message_init_t message_init) {
  struct pbtools_repeated_message_t one;
  if (pbtools_alloc_repeated(&one, 1, heap_p, sub_message_size, message_init) != 0) return -1;
  *message_pp = one.items_p;
  return 0;
}

void pbtools_decoder_sub_message_decode(struct pbtools_decoder_t *decoder_p,
                                        int wire_type,
                                        struct pbtools_message_base_t **message_pp,
                                        size_t sub_message_size,
                                        pbtools_message_init_t message_init,
                                        pbtools_message_decode_inner_t decode_inner) {
  if (pbtools_sub_message_alloc(message_pp, decoder_p->heap_p, sub_message_size, message_init) != 0) {
    decoder_p->pos = -PBTOOLS_OUT_OF_MEMORY;
    decoder_p->size = -PBTOOLS_OUT_OF_MEMORY;
    return;
  }
  pbtools_decoder_sub_message_decode_in_place(decoder_p, wire_type, *message_pp, decode_inner);
}
