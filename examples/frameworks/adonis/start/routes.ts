import router from '@adonisjs/core/services/router'
import GuestBookController from '#controllers/guest_book_controller'

router.get('/api/events', [GuestBookController, 'events'])
router.post('/api/notes', [GuestBookController, 'write'])
