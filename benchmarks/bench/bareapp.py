"""The reference: a bare FastAPI handler that multiplies 20,000 vectors and gives the best 20.

Shapes: U users, I items, D width of a vector.
"""

import numpy as np
from fastapi import FastAPI

ITEMS, WIDTH, USERS, SLOTS = 20_000, 64, 5_000, 20
rng = np.random.default_rng(0)
OF_ITEMS = rng.standard_normal((ITEMS, WIDTH)).astype(np.float32)
OF_USERS = rng.standard_normal((USERS, WIDTH)).astype(np.float32)
app = FastAPI()


@app.get("/users/{user}")
def best(user: int) -> dict[str, list[dict[str, float]]]:
    """The items of the largest products."""
    score_I = OF_ITEMS @ OF_USERS[user]
    top = np.argpartition(-score_I, SLOTS)[:SLOTS]
    top = top[np.argsort(-score_I[top])]
    return {"items": [{"item": int(i), "score": float(score_I[i])} for i in top]}
