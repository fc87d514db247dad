"""The exam: any potential, asked about exact physics, with proof that it was asked the right question."""
