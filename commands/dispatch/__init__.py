"""Commands are dispatched here: loaded, decided, recorded, once however often they are sent."""
